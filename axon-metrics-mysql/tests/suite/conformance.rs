//! The core's conformance suite, on both servers with both generations of tables.

use crate::common;

use common::{
    MariaDb, MySql,
    stores::{Aug2026, CatalogServer, Dec2025, LedgerServer, Tables},
};

mod mysql_of_december_2025 {
    use super::*;
    mod ledger {
        use super::*;
        axon_metrics::ledger_source_conformance!(Tables<Dec2025<MySql>>);
        axon_metrics::ledger_coverage_conformance!(Tables<Dec2025<MySql>>);
    }
    mod catalog {
        use super::*;
        axon_metrics::catalog_source_conformance!(Tables<Dec2025<MySql>>);
    }
}

mod mysql_of_august_2026 {
    use super::*;
    mod ledger {
        use super::*;
        axon_metrics::ledger_source_conformance!(Tables<Aug2026<MySql>>);
        axon_metrics::ledger_coverage_conformance!(Tables<Aug2026<MySql>>);
    }
    mod catalog {
        use super::*;
        axon_metrics::catalog_source_conformance!(Tables<Aug2026<MySql>>);
    }
}

mod mariadb_of_december_2025 {
    use super::*;
    mod ledger {
        use super::*;
        axon_metrics::ledger_source_conformance!(Tables<Dec2025<MariaDb>>);
        axon_metrics::ledger_coverage_conformance!(Tables<Dec2025<MariaDb>>);
    }
    mod catalog {
        use super::*;
        axon_metrics::catalog_source_conformance!(Tables<Dec2025<MariaDb>>);
    }
}

mod mariadb_of_august_2026 {
    use super::*;
    mod ledger {
        use super::*;
        axon_metrics::ledger_source_conformance!(Tables<Aug2026<MariaDb>>);
        axon_metrics::ledger_coverage_conformance!(Tables<Aug2026<MariaDb>>);
    }
    mod catalog {
        use super::*;
        axon_metrics::catalog_source_conformance!(Tables<Aug2026<MariaDb>>);
    }
}

mod mysql {
    use super::*;
    mod ledger {
        use super::*;
        axon_metrics::ledger_server_conformance!(LedgerServer<MySql>);
    }
    mod catalog {
        use super::*;
        axon_metrics::catalog_server_conformance!(CatalogServer<MySql>);
    }
}

mod mariadb {
    use super::*;
    mod ledger {
        use super::*;
        axon_metrics::ledger_server_conformance!(LedgerServer<MariaDb>);
    }
    mod catalog {
        use super::*;
        axon_metrics::catalog_server_conformance!(CatalogServer<MariaDb>);
    }
}
