//! RFC 6455 case by case, in the order of the Autobahn suite.

use peal_core::ErrorCode;
use peal_wire::ws::{Decoder, Event, Input, Limits, Violation, ViolationKind};

use crate::frames::{BINARY, CLOSE, CONTINUATION, FIN, Frame, Got, PING, PONG, TEXT, decode, decode_any_way, frame};

const LIMITS: Limits = Limits::new(70_000);

fn text(text: &str) -> Got {
    Got::Text(text.into())
}

fn accepts(frames: &[Frame], expected: &[Got]) {
    assert_eq!(decode_any_way(frames, &LIMITS), (expected.to_vec(), None));
}

fn refuses(frames: &[Frame], kind: ViolationKind) {
    assert_eq!(decode_any_way(frames, &LIMITS).1, Some(kind));
}

#[test]
fn the_masked_hello_of_the_rfc() {
    let stream = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(decode(&stream, &[], &LIMITS), (vec![text("Hello")], None));
    accepts(&[frame(TEXT, "Hel"), frame(FIN | CONTINUATION, "lo")], &[text("Hello")]);
}

#[test]
fn messages_of_every_form_of_length() {
    for length in [0, 1, 125, 126, 127, 128, 65_535, 65_536, 70_000] {
        let payload = "*".repeat(length);
        assert_eq!(decode(&frame(FIN | TEXT, &payload).bytes(), &[5], &LIMITS), (vec![Got::Text(payload.clone())], None));
        assert_eq!(decode(&frame(FIN | BINARY, &payload).bytes(), &[], &LIMITS), (vec![Got::Binary(payload.into())], None));
    }
}

#[test]
fn pings_and_pongs() {
    accepts(
        &[frame(PING, ""), frame(PING, [0xff, 0]), frame(PONG, "unasked")],
        &[Got::Ping(vec![]), Got::Ping(vec![0xff, 0]), Got::Pong(b"unasked".to_vec())],
    );
    accepts(&[frame(PING, [7; 125])], &[Got::Ping(vec![7; 125])]);
    refuses(&[frame(PING, [7; 126])], ViolationKind::ControlFrame);
    refuses(&[frame(9, "fragmented")], ViolationKind::ControlFrame);
}

#[test]
fn reserved_bits_and_opcodes() {
    for bit in [0x40, 0x20, 0x10] {
        refuses(&[frame(FIN | TEXT | bit, "x")], ViolationKind::ReservedBits);
        refuses(&[frame(PING | bit, "x")], ViolationKind::ReservedBits);
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        refuses(&[frame(FIN | opcode, "x")], ViolationKind::UnknownOpcode);
    }
}

#[test]
fn frames_must_be_masked() {
    refuses(&[Frame { masked: false, ..frame(FIN | TEXT, "x") }], ViolationKind::NotMasked);
}

#[test]
fn fragments_with_control_frames_between_them() {
    accepts(
        &[frame(TEXT, "a"), frame(PING, "p"), frame(CONTINUATION, ""), frame(PONG, ""), frame(FIN | CONTINUATION, "b")],
        &[Got::Ping(b"p".to_vec()), Got::Pong(vec![]), text("ab")],
    );
    let pings = [frame(TEXT, "a"), frame(PING, "one"), frame(PING, "two"), frame(FIN | CONTINUATION, "b")];
    accepts(&pings, &[Got::Ping(b"one".to_vec()), Got::Ping(b"two".to_vec()), text("ab")]);
    accepts(&[frame(TEXT, ""), frame(FIN | CONTINUATION, "")], &[text("")]);
    accepts(&[frame(BINARY, "a"), frame(FIN | CONTINUATION, [0xff])], &[Got::Binary(vec![b'a', 0xff])]);
    refuses(&[frame(FIN | CONTINUATION, "x")], ViolationKind::Continuation);
    refuses(&[frame(CONTINUATION, "x")], ViolationKind::Continuation);
    refuses(&[frame(TEXT, "a"), frame(FIN | TEXT, "b")], ViolationKind::Continuation);
    refuses(&[frame(TEXT, "a"), frame(FIN | CONTINUATION, "b"), frame(FIN | CONTINUATION, "c")], ViolationKind::Continuation);
}

#[test]
fn text_is_utf8_over_all_fragments() {
    let kosme = "κόσμε";
    for cut in 0..=kosme.len() {
        let (front, back) = kosme.as_bytes().split_at(cut);
        accepts(&[frame(TEXT, front), frame(FIN | CONTINUATION, back)], &[text(kosme)]);
    }
    for bad in [&b"\xce"[..], b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf", b"ok\xff", b"\xf8\x88\x80\x80\x80"] {
        refuses(&[frame(FIN | TEXT, bad)], ViolationKind::NotUtf8);
        refuses(&[frame(TEXT, bad), frame(FIN | CONTINUATION, "x")], ViolationKind::NotUtf8);
    }
}

#[test]
fn wrong_text_is_not_waited_for() {
    let stream = frame(FIN | TEXT, [b"\xff".as_slice(), &[b'x'; 60_000]].concat()).bytes();
    let (_, violation) = decode(&stream[..20], &[10], &LIMITS);
    assert_eq!(violation, Some(ViolationKind::NotUtf8));
}

#[test]
fn close_frames() {
    accepts(&[frame(CLOSE, "")], &[Got::Close(None)]);
    accepts(&[frame(CLOSE, b"\x03\xe8bye"), frame(FIN | TEXT, "ignored")], &[Got::Close(Some((1000, "bye".into())))]);
    refuses(&[frame(CLOSE, b"\x03")], ViolationKind::CloseFrame);
    refuses(&[frame(CLOSE, b"\x03\xe8\xff")], ViolationKind::NotUtf8);
    refuses(&[frame(CLOSE, [0; 126])], ViolationKind::ControlFrame);
    for code in [1000u16, 1001, 1002, 1003, 1007, 1011, 1012, 1014, 3000, 3999, 4000, 4999] {
        accepts(&[frame(CLOSE, code.to_be_bytes())], &[Got::Close(Some((code, String::new())))]);
    }
    for code in [0u16, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65_535] {
        refuses(&[frame(CLOSE, code.to_be_bytes())], ViolationKind::CloseFrame);
    }
}

#[test]
fn a_message_over_the_limit_is_refused_at_its_header() {
    let limits = Limits::new(100);
    let refused = |frames: &[Frame]| decode_any_way(frames, &limits).1;
    assert_eq!(refused(&[frame(FIN | TEXT, [b'x'; 100])]), None);
    assert_eq!(refused(&[frame(FIN | TEXT, [b'x'; 101])]), Some(ViolationKind::TooLarge));
    assert_eq!(refused(&[frame(TEXT, [b'x'; 60]), frame(FIN | CONTINUATION, [b'x'; 41])]), Some(ViolationKind::TooLarge));
    let header = &frame(FIN | TEXT, [b'x'; 101]).bytes()[..6];
    assert_eq!(decode(header, &[], &limits).1, Some(ViolationKind::TooLarge));
    let gigantic = [&[0x82, 0xff, 0x7f][..], &[0xff; 7], &[0; 4]].concat();
    assert_eq!(decode(&gigantic, &[], &Limits::new(usize::MAX >> 1)).1, None);
    assert_eq!(decode(&gigantic, &[], &limits).1, Some(ViolationKind::TooLarge));
}

#[test]
fn the_limit_may_grow_within_one_read() {
    let mut stream = crate::frames::bytes(&[frame(FIN | TEXT, "small"), frame(FIN | TEXT, [b'x'; 5_000])]);
    let mut decoder = Decoder::default();
    let mut input = Input::new(&mut stream);
    assert_eq!(decoder.next(&mut input, &Limits::new(4_096)), Ok(Some(Event::Text("small"))));
    assert!(matches!(decoder.next(&mut input, &Limits::new(65_536)), Ok(Some(Event::Text(text))) if text.len() == 5_000));
}

#[test]
fn floods_of_tiny_fragments_and_of_control_frames_between_them() {
    let fragments = |n: usize| {
        let mut frames = vec![frame(TEXT, "")];
        frames.extend(vec![frame(CONTINUATION, ""); n - 2]);
        frames.push(frame(FIN | CONTINUATION, ""));
        frames
    };
    accepts(&fragments(64), &[text("")]);
    refuses(&fragments(65), ViolationKind::TooFragmented);
    let mut pings = vec![frame(TEXT, "a")];
    pings.extend(vec![frame(PING, ""); 65]);
    refuses(&pings, ViolationKind::TooFragmented);
    let between_messages: Vec<Frame> = (0..100).flat_map(|_| [frame(PING, ""), frame(FIN | TEXT, "")]).collect();
    assert_eq!(decode(&crate::frames::bytes(&between_messages), &[], &LIMITS).1, None);
}

#[test]
fn nothing_comes_after_a_violation() {
    let mut stream = crate::frames::bytes(&[frame(FIN | TEXT, b"\xff"), frame(FIN | TEXT, "after")]);
    let mut decoder = Decoder::default();
    let mut input = Input::new(&mut stream);
    assert_eq!(decoder.next(&mut input, &LIMITS), Err(Violation { close_code: 1007, kind: ViolationKind::NotUtf8 }));
    assert_eq!(decoder.next(&mut input, &LIMITS), Ok(None));
}

#[test]
fn violations_say_how_to_close() {
    let close = |kind: ViolationKind| (kind.close_code(), kind.error_code());
    assert_eq!(close(ViolationKind::NotMasked), (1002, ErrorCode::InvalidRequest));
    assert_eq!(close(ViolationKind::NotUtf8), (1007, ErrorCode::InvalidRequest));
    assert_eq!(close(ViolationKind::TooLarge), (1009, ErrorCode::FrameTooLarge));
}
