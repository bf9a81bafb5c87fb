//! The replies by which servers refuse unauthorized clients. Pure.

use super::Protocol;

/// A server's reply to a request.
pub(super) fn refusal(protocol: Protocol, request: &[u8]) -> Vec<u8> {
    match protocol {
        Protocol::Http => http(),
        Protocol::Mysql => mysql(request),
        Protocol::Redis => redis(request),
    }
}

fn http() -> Vec<u8> {
    let body = r#"{"error":{"root_cause":[{"type":"security_exception","reason":"unable to authenticate user"}],"type":"security_exception","reason":"unable to authenticate user"},"status":401}"#;
    let length = body.len();
    format!("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"security\", charset=\"UTF-8\"\r\nX-elastic-product: Elasticsearch\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

/// An error packet with the number after the client's: three bytes of length, the number, 0xff, the code, a state and a text.
fn mysql(login: &[u8]) -> Vec<u8> {
    const DENIED: u16 = 1045;
    let number = login.get(3).map_or(2, |number| number.wrapping_add(1));
    let text = b"#28000Access denied for user (using password: YES)";
    let length = u8::try_from(text.len() + 3).unwrap_or(u8::MAX);
    let mut packet = vec![length, 0, 0, number, 0xff];
    packet.extend_from_slice(&DENIED.to_le_bytes());
    packet.extend_from_slice(text);
    packet
}

/// An error for each command of a pipeline.
fn redis(pipeline: &[u8]) -> Vec<u8> {
    let mut lines = pipeline.split(|byte| *byte == b'\n');
    let mut answers = Vec::new();
    while let Some(line) = lines.next() {
        // `*2`, `$4`, `AUTH`: the number of parts, the length of the first part, the first part.
        if line.first() != Some(&b'*') {
            continue;
        }
        let command = lines.nth(1).unwrap_or_default();
        let wrong = [&b"AUTH\r"[..], b"HELLO\r"].iter().any(|word| command.eq_ignore_ascii_case(word));
        answers.extend_from_slice(if wrong {
            b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"
        } else {
            b"-NOAUTH Authentication required.\r\n"
        });
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_of_a_pipeline_is_refused() {
        let pipeline = b"*2\r\n$4\r\nAUTH\r\n$1\r\nx\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n$4\r\nPING\r\n";
        let answers = String::from_utf8(refusal(Protocol::Redis, pipeline)).unwrap();
        let codes: Vec<_> = answers.lines().map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(codes, ["-WRONGPASS", "-NOAUTH", "-NOAUTH"]);
    }

    #[test]
    fn a_login_is_answered_with_the_next_packet() {
        let packet = refusal(Protocol::Mysql, &[5, 0, 0, 1, 0, 0, 0, 0, 0]);
        assert_eq!((usize::from(packet[0]) + 4, &packet[3..7]), (packet.len(), &[2, 0xff, 0x15, 0x04][..]));
    }
}
