//! The commands to all connections: the current fault, and which connections must end. Pure.

use super::Fault;

/// How a connection is ended by the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// RST.
    Reset,
    /// FIN.
    Close,
    /// Without a sign: no reply is sent any more.
    Silence,
}

/// Connections are numbered in the order of acceptance. The connections that exist at some moment are those with a lower number than
/// the next one.
#[derive(Debug, Default)]
pub(super) struct Orders {
    pub(super) fault: Fault,
    next: u64,
    /// Connections with a lower number must end in this way.
    ended: Option<(u64, Ending)>,
    /// Connections with a lower number are dead.
    dead_below: u64,
}

impl Orders {
    /// The number of a new connection.
    pub(super) fn number(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }

    pub(super) fn set(&mut self, fault: Fault) {
        self.fault = fault;
        match fault {
            Fault::HalfOpen => self.dead_below = self.next,
            Fault::Reset => self.end_all(Ending::Reset),
            Fault::Close | Fault::Refuse | Fault::Unauthorized(_) => self.end_all(Ending::Close),
            Fault::None
            | Fault::Latency(_)
            | Fault::Blackhole
            | Fault::Cut { .. }
            | Fault::Drip { .. }
            | Fault::Garbage => {}
        }
    }

    pub(super) fn end_all(&mut self, how: Ending) {
        self.ended = Some((self.next, how));
    }

    /// How a connection must end now; `None` if it goes on.
    pub(super) fn ending(&self, number: u64) -> Option<Ending> {
        match (self.ended, self.fault) {
            (Some((below, how)), _) if number < below => Some(how),
            (_, Fault::Reset) => Some(Ending::Reset),
            (_, Fault::Close | Fault::Refuse) => Some(Ending::Close),
            _ if number < self.dead_below => Some(Ending::Silence),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_connection_is_reset_even_if_it_notices_the_fault_late() {
        let mut orders = Orders::default();
        let old = orders.number();
        orders.set(Fault::Reset);
        orders.set(Fault::None);
        let new = orders.number();
        assert_eq!((orders.ending(old), orders.ending(new)), (Some(Ending::Reset), None));
    }

    #[test]
    fn a_half_open_connection_stays_dead_after_the_fault() {
        let mut orders = Orders::default();
        let old = orders.number();
        orders.set(Fault::HalfOpen);
        let new = orders.number();
        orders.set(Fault::None);
        assert_eq!((orders.ending(old), orders.ending(new)), (Some(Ending::Silence), None));
    }
}
