//! Whole checks against a laboratory, and what people and programs read of them.

use super::*;

#[test]
fn servers_and_resolvers_are_read_strictly() {
    let ok = |text: &str| server(text).map(|s| (s.host, s.port));
    assert_eq!(ok("Mail.Example.com"), Ok(("mail.example.com".to_owned(), 25)));
    assert_eq!(ok("mail.example.com:2525"), Ok(("mail.example.com".to_owned(), 2525)));
    assert_eq!(ok("2001:db8::1"), Ok(("2001:db8::1".to_owned(), 25)));
    assert_eq!(ok("[2001:db8::1]:26"), Ok(("2001:db8::1".to_owned(), 26)));
    for bad in ["", ":25", "a:0", "a:65536", "a:+1", "a:x", "[::1", "[::1]25", "a b", "a\u{1b}", "a..b:25"] {
        assert!(server(bad).is_err(), "{bad:?}");
    }
    assert_eq!(resolver("9.9.9.9"), Ok("9.9.9.9:53".parse().unwrap()));
    assert_eq!(resolver("[::1]:5353"), Ok("[::1]:5353".parse().unwrap()));
    assert!(resolver("dns.example").is_err());
}
