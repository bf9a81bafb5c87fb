//! The dictionary of subjects: each subject gets a small number as its code, and distinct codes are counted.
//! Only writers use the dictionary; readers see only codes.

use std::collections::hash_map::Entry;

use ahash::HashMap;

use super::load_report::Fault;

/// The subject of an event, from its record: the user if it names one, else the session.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Subject {
    /// Neither user nor session.
    Nobody,
    /// It names a user or a session that cannot be stored, for this reason.
    Dropped(Fault),
    User(u64),
    /// A user whose id is not a number.
    NamedUser(Box<str>),
    /// A session that is a UUID in its usual form.
    Session(u128),
    NamedSession(Box<str>),
}

impl Subject {
    pub(super) fn user(text: &str) -> Self {
        match number(text) {
            Some(id) => Self::User(id),
            None => Self::NamedUser(text.into()),
        }
    }

    pub(super) fn session(text: &str) -> Self {
        match uuid(text) {
            Some(id) => Self::Session(id),
            None => Self::NamedSession(text.into()),
        }
    }
}

/// A number without leading zeros: `"007"` and `"7"` are different users.
fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if digits { text.parse().ok() } else { None }
}

/// A lower-case UUID with its four dashes.
fn uuid(text: &str) -> Option<u128> {
    let bytes: &[u8; 36] = text.as_bytes().try_into().ok()?;
    let mut id = 0_u128;
    for (index, byte) in bytes.iter().enumerate() {
        let digit = match (index, byte) {
            (8 | 13 | 18 | 23, b'-') => continue,
            (8 | 13 | 18 | 23, _) => return None,
            (_, b'0'..=b'9') => byte - b'0',
            (_, b'a'..=b'f') => byte - b'a' + 10,
            _ => return None,
        };
        id = id << 4 | u128::from(digit);
    }
    Some(id)
}

/// The code of a subject. Users and sessions are numbered separately, each from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Code(u32);

/// The bit that is set in the code of a session.
const SESSION: u32 = 1 << 31;

impl Code {
    /// The code of an event without a subject.
    pub(super) const NOBODY: Self = Self(u32::MAX);
    /// The code of an event whose subject cannot be stored.
    pub(super) const DROPPED: Self = Self(u32::MAX - 1);

    fn is_user(self) -> bool {
        self.0 & SESSION == 0
    }
}

/// The numbers of known users and of known sessions.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SubjectCounts {
    users: u32,
    sessions: u32,
}

/// The dictionary: the code of each subject.
#[derive(Default)]
pub(super) struct Subjects {
    users: HashMap<u64, Code>,
    named_users: HashMap<Box<str>, Code>,
    sessions: HashMap<u128, Code>,
    named_sessions: HashMap<Box<str>, Code>,
    counts: SubjectCounts,
}

impl Subjects {
    /// The subject's code, which is added if it is new. `None` beyond 2,147,483,646 users, or as many sessions.
    pub(super) fn code(&mut self, subject: Subject) -> Option<Code> {
        let users = || next(&mut self.counts.users, 0);
        match subject {
            Subject::Nobody => Some(Code::NOBODY),
            Subject::Dropped(_) => Some(Code::DROPPED),
            Subject::User(id) => get_or_insert(&mut self.users, id, users),
            Subject::NamedUser(id) => get_or_insert(&mut self.named_users, id, users),
            Subject::Session(id) => get_or_insert(&mut self.sessions, id, || next(&mut self.counts.sessions, SESSION)),
            Subject::NamedSession(id) => {
                get_or_insert(&mut self.named_sessions, id, || next(&mut self.counts.sessions, SESSION))
            }
        }
    }

    pub(super) fn counts(&self) -> SubjectCounts {
        self.counts
    }

    /// The approximate memory of the dictionary, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let named = |map: &HashMap<Box<str>, Code>| {
            table_bytes(map.capacity(), size_of::<(Box<str>, Code)>())
                + map.keys().map(|name| name.len()).sum::<usize>()
        };
        table_bytes(self.users.capacity(), size_of::<(u64, Code)>())
            + table_bytes(self.sessions.capacity(), size_of::<(u128, Code)>())
            + named(&self.named_users)
            + named(&self.named_sessions)
    }
}

/// The memory of a hash table, in bytes: an eighth of its entries is free, and each entry has one control byte.
pub(super) fn table_bytes(capacity: usize, entry: usize) -> usize {
    (capacity * 8).div_ceil(7) * (entry + 1)
}

fn get_or_insert<K: std::hash::Hash + Eq>(
    map: &mut HashMap<K, Code>,
    key: K,
    next: impl FnOnce() -> Option<Code>,
) -> Option<Code> {
    match map.entry(key) {
        Entry::Occupied(entry) => Some(*entry.get()),
        Entry::Vacant(entry) => next().map(|code| *entry.insert(code)),
    }
}

fn next(count: &mut u32, flag: u32) -> Option<Code> {
    let code = *count;
    // The two last codes of sessions are those without a subject.
    (code < SESSION - 2).then(|| {
        *count += 1;
        Code(code | flag)
    })
}

/// Which subjects are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SubjectFilter {
    /// Users and sessions.
    All,
    /// Only users.
    Users,
}

/// The number of distinct subjects in slices of codes; [`Code::NOBODY`] and [`Code::DROPPED`] are not counted. All other
/// codes must be below `subjects`. Few rows are sorted; many are marked in a bitmap of all subjects.
pub(super) fn distinct<'a>(
    slices: impl Iterator<Item = &'a [Code]>,
    subjects: SubjectCounts,
    filter: SubjectFilter,
) -> u64 {
    let slices: Vec<&[Code]> = slices.collect();
    let rows: usize = slices.iter().map(|slice| slice.len()).sum();
    let counts = |code: &Code| *code < Code::DROPPED && (filter == SubjectFilter::All || code.is_user());
    let all = slices.iter().flat_map(|slice| slice.iter()).filter(|code| counts(code));
    let words = |count: u32| count as usize / 64 + 1;
    let words = [words(subjects.users), words(subjects.sessions)];
    if rows < (words[0] + words[1]) / 4 {
        let mut codes: Vec<u32> = all.map(|code| code.0).collect();
        codes.sort_unstable();
        codes.dedup();
        return codes.len() as u64;
    }
    let mut bitmaps = words.map(|words| vec![0_u64; words]);
    for code in all {
        let index = (code.0 & !SESSION) as usize;
        bitmaps[usize::from(!code.is_user())][index / 64] |= 1 << (index % 64);
    }
    bitmaps.iter().flatten().map(|word| u64::from(word.count_ones())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_keeps_its_code_and_different_texts_are_different_subjects() {
        let mut subjects = Subjects::default();
        let id = "0b6e2a5e-5d1c-4c52-9f0e-2f6a4a1f9c10";
        let all = [
            Subject::user("7"),
            Subject::user("007"),
            Subject::session("7"),
            Subject::session(id),
            Subject::session(&id.to_uppercase()),
            Subject::user(id),
        ];
        let mut codes: Vec<Code> = all.iter().filter_map(|subject| subjects.code(subject.clone())).collect();
        assert_eq!(codes.len(), 6);
        assert!(all.iter().zip(&codes).all(|(subject, code)| subjects.code(subject.clone()) == Some(*code)));
        codes.extend_from_within(..);
        codes.push(Code::NOBODY);
        let count = |filter| distinct(std::iter::once(&codes[..]), subjects.counts(), filter);
        assert_eq!((count(SubjectFilter::All), count(SubjectFilter::Users)), (6, 3));
    }

    #[test]
    fn a_number_beyond_64_bits_is_a_name() {
        assert!(matches!(Subject::user("18446744073709551615"), Subject::User(u64::MAX)));
        assert!(matches!(Subject::user("18446744073709551616"), Subject::NamedUser(_)));
    }

    #[test]
    fn few_rows_and_many_rows_are_counted_alike() {
        let mut subjects = Subjects::default();
        let codes: Vec<Code> = (0..100_000).filter_map(|user| subjects.code(Subject::User(user % 50_000))).collect();
        let count = |rows: &[Code]| distinct(std::iter::once(rows), subjects.counts(), SubjectFilter::All);
        assert_eq!((count(&codes), count(&codes[..10]), count(&[])), (50_000, 10, 0));
    }
}
