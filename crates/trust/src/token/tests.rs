//! Tokens.

use super::*;
use proptest::prelude::*;

fn token(ip: IpAddr, port: u16, bytes: [u8; 32], seconds: u32) -> JoinToken {
    let mut secret = [0; 16];
    secret.copy_from_slice(&bytes[8..24]);
    let expires = Timestamp::from_second(seconds.into()).unwrap();
    JoinToken { at: SocketAddr::new(ip, port), authority: bytes.into(), secret: TokenSecret(secret), expires }
}

proptest! {
    #[test]
    fn a_token_is_read_as_it_was_written(ip: IpAddr, port in 1u16.., bytes: [u8; 32], seconds: u32) {
        let token = token(ip, port, bytes, seconds);
        let text = token.to_string();
        prop_assert_eq!(format!(" {text}\n").parse(), Ok(token.clone()));
        prop_assert_eq!(TokenSecret::read(&token.secret.expose()), Some(token.secret));
        prop_assert_eq!(TokenId::try_from(token.secret.id().to_string()), Ok(token.secret.id()));
    }

    #[test]
    fn a_wrong_letter_is_noticed(ip: IpAddr, bytes: [u8; 32], at in 6..100usize, letter in "[a-z2-7]") {
        let mut text = token(ip, 7946, bytes, 1).to_string();
        prop_assume!(text.get(at..=at).is_some_and(|there| there != letter));
        text.replace_range(at..=at, &letter);
        prop_assert_eq!(text.parse::<JoinToken>(), Err(InvalidToken::Broken));
    }

    #[test]
    fn half_a_token_is_noticed(ip: IpAddr, bytes: [u8; 32], length in 6..100usize) {
        let text = token(ip, 7946, bytes, 1).to_string();
        prop_assert_eq!(text[..length].parse::<JoinToken>(), Err(InvalidToken::Broken));
    }

    #[test]
    fn anything_may_come(text in "(weft1?[.])?.{0,120}") {
        let _ = text.parse::<JoinToken>();
    }
}

#[test]
fn what_is_no_token_is_told_apart() {
    for (text, why) in [
        ("", InvalidToken::Else),
        ("SWMTKN-1-3pu6hszjas19xyp7ghgosyx9k8atbfcr8p2is99znpy26u2lkl", InvalidToken::Else),
        ("weft.x", InvalidToken::Else),
        ("weft2.aaaa", InvalidToken::Later),
        ("weft1.", InvalidToken::Broken),
    ] {
        assert_eq!(text.parse::<JoinToken>(), Err(why), "{text}");
    }
}

#[test]
fn a_secret_is_not_shown_by_accident() {
    let token = token([192, 0, 2, 1].into(), 7946, [7; 32], 1);
    let shown = format!("{token:?} {:?}", token.secret);
    assert!(!shown.contains(&token.secret.expose()) && !shown.contains("7, 7"), "{shown}");
}

#[test]
fn a_proof_is_good_for_one_connection_and_one_request() {
    let secret = TokenSecret([1; 16]);
    let proof = secret.proof(Side::Guest, &[2; 32], b"request");
    let is_good =
        |secret: TokenSecret, side, binding, what: &[u8]| secret.is_proved_by(&proof, side, binding, what);
    assert!(is_good(secret, Side::Guest, &[2; 32], b"request"));
    assert!(!is_good(secret, Side::Host, &[2; 32], b"request"));
    assert!(!is_good(secret, Side::Guest, &[3; 32], b"request"));
    assert!(!is_good(secret, Side::Guest, &[2; 32], b"another"));
    assert!(!is_good(TokenSecret([4; 16]), Side::Guest, &[2; 32], b"request"));
    assert!(!secret.is_proved_by(&[], Side::Guest, &[2; 32], b"request"));
}
