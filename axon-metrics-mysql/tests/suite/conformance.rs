//! Both servers with the tables of both generations, put to the core's tests: one per sentence of each trait.

use crate::common;

use common::{
    MariaDb, MySql,
    stores::{CatalogOn, New, Of, Old, On},
};

mod mysql_of_december_2025 {
    use super::*;
    mod ledger {
        use super::*;
        axon_metrics::ledger_source_conformance!(Of<Old<MySql>>);
    }
    mod catalog {
        use super::*;
        axon_metrics::catalog_source_conformance!(Of<Old<MySql>>);
    }
}

mod mysql_of_august_2026 {
    use super::*;
    mod ledger {
        use super::*;
        axon_metrics::ledger_source_conformance!(Of<New<MySql>>);
    }
    mod catalog {
        use super::*;
        axon_metrics::catalog_source_conformance!(Of<New<MySql>>);
    }
}

mod mariadb_of_december_2025 {
    use super::*;
    mod ledger {
        use super::*;
        axon_metrics::ledger_source_conformance!(Of<Old<MariaDb>>);
    }
    mod catalog {
        use super::*;
        axon_metrics::catalog_source_conformance!(Of<Old<MariaDb>>);
    }
}

mod mariadb_of_august_2026 {
    use super::*;
    mod ledger {
        use super::*;
        axon_metrics::ledger_source_conformance!(Of<New<MariaDb>>);
    }
    mod catalog {
        use super::*;
        axon_metrics::catalog_source_conformance!(Of<New<MariaDb>>);
    }
}

mod mysql {
    use super::*;
    mod ledger {
        use super::*;
        axon_metrics::ledger_server_conformance!(On<MySql>);
    }
    mod catalog {
        use super::*;
        axon_metrics::catalog_server_conformance!(CatalogOn<MySql>);
    }
}

mod mariadb {
    use super::*;
    mod ledger {
        use super::*;
        axon_metrics::ledger_server_conformance!(On<MariaDb>);
    }
    mod catalog {
        use super::*;
        axon_metrics::catalog_server_conformance!(CatalogOn<MariaDb>);
    }
}
