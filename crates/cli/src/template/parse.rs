//! Reading a template.

/// How deep things may be in each other.
const DEEPEST: usize = 50;

/// A part of a template.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Text(String),
    Show(Pipe),
    If(Pipe, Vec<Node>, Vec<Node>),
    With(Pipe, Vec<Node>, Vec<Node>),
    Range { key: Option<String>, value: Option<String>, over: Pipe, each: Vec<Node>, none: Vec<Node> },
}

/// Calls, each with the result of the one before as its last argument.
pub(super) type Pipe = Vec<Call>;

/// A function with arguments, or one operand without.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub(super) function: Option<String>,
    pub(super) arguments: Vec<Operand>,
}

/// A value, and the fields to take of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Operand {
    pub(super) of: Base,
    pub(super) path: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Base {
    Dot,
    Variable(String),
    Literal(serde_json::Value),
    Pipe(Pipe),
}

/// Reads a whole template.
pub(super) fn template(text: &str) -> Result<Vec<Node>, String> {
    let mut pieces = pieces(text)?.into_iter().rev().collect::<Vec<_>>();
    let (nodes, end) = block(&mut pieces, 0)?;
    match end {
        None => Ok(nodes),
        Some(end) => Err(format!("{{{{{end}}}}} without a beginning")),
    }
}

enum Piece {
    Text(String),
    Action(String),
}

/// Text and actions in turn. As docker does, `\t` and `\n` in the text are what they are in Go.
fn pieces(mut text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut trims = false;
    loop {
        let (before, rest) =
            text.split_once("{{").map_or((text, None), |(before, rest)| (before, Some(rest)));
        let mut before = if trims { before.trim_start() } else { before };
        let inside = rest.map(|rest| rest.strip_prefix("- ").map_or((rest, false), |rest| (rest, true)));
        if inside.is_some_and(|(_, trims)| trims) {
            before = before.trim_end();
        }
        pieces.push(Piece::Text(before.replace(r"\t", "\t").replace(r"\n", "\n")));
        let Some((rest, _)) = inside else { return Ok(pieces) };
        let end = end_of_action(rest).ok_or("an action without its end, }}")?;
        let action = &rest[..end];
        let trimmed = action.strip_suffix(" -");
        trims = trimmed.is_some();
        pieces.push(Piece::Action(trimmed.unwrap_or(action).trim().to_owned()));
        text = &rest[end + 2..];
    }
}

/// Where `}}` is that is not in quotes.
fn end_of_action(text: &str) -> Option<usize> {
    let mut quoted = false;
    let mut before = ' ';
    for (at, letter) in text.char_indices() {
        if letter == '"' && before != '\\' {
            quoted = !quoted;
        }
        if !quoted && text[at..].starts_with("}}") {
            return Some(at);
        }
        before = letter;
    }
    None
}

/// Reads up to the end of what began, which is returned: `end`, or what begins with `else`.
fn block(pieces: &mut Vec<Piece>, depth: usize) -> Result<(Vec<Node>, Option<String>), String> {
    if depth > DEEPEST {
        return Err(format!("more than {DEEPEST} deep"));
    }
    let mut nodes = Vec::new();
    while let Some(piece) = pieces.pop() {
        let action = match piece {
            Piece::Text(text) if text.is_empty() => continue,
            Piece::Text(text) => {
                nodes.push(Node::Text(text));
                continue;
            }
            Piece::Action(action) => action,
        };
        let (word, rest) = action.split_once(char::is_whitespace).unwrap_or((&action, ""));
        match word {
            "" => {}
            _ if action.starts_with("/*") => {}
            "end" | "else" => return Ok((nodes, Some(action))),
            "if" | "with" | "range" => nodes.push(opened(word, rest, pieces, depth)?),
            _ => nodes.push(Node::Show(pipe(&action)?)),
        }
    }
    Ok((nodes, None))
}

/// Reads what `word` opened.
fn opened(word: &str, rest: &str, pieces: &mut Vec<Piece>, depth: usize) -> Result<Node, String> {
    let unended = || format!("{{{{{word}}}}} without its {{{{end}}}}");
    let (then, end) = block(pieces, depth + 1)?;
    let otherwise = match end.ok_or_else(unended)?.strip_prefix("else") {
        None => Vec::new(),
        Some(more) if more.trim().starts_with("if ") => {
            // The end of this `if` is that of the whole.
            vec![opened("if", &more.trim()[3..], pieces, depth + 1)?]
        }
        Some(_) => {
            let (otherwise, end) = block(pieces, depth + 1)?;
            if end.ok_or_else(unended)? != "end" {
                return Err("{{else}} after {{else}}".to_owned());
            }
            otherwise
        }
    };
    let (names, over) = match rest.split_once(":=") {
        Some((names, over)) if word == "range" => (names, over),
        _ => ("", rest),
    };
    let over = pipe(over)?;
    let names: Vec<String> =
        names.split(',').map(|name| name.trim().to_owned()).filter(|n| !n.is_empty()).collect();
    Ok(match (word, names.as_slice()) {
        ("if", _) => Node::If(over, then, otherwise),
        ("with", _) => Node::With(over, then, otherwise),
        (_, []) => Node::Range { key: None, value: None, over, each: then, none: otherwise },
        (_, [value]) => {
            Node::Range { key: None, value: Some(value.clone()), over, each: then, none: otherwise }
        }
        (_, [key, value]) => Node::Range {
            key: Some(key.clone()),
            value: Some(value.clone()),
            over,
            each: then,
            none: otherwise,
        },
        _ => return Err("{{range}} with more than a key and a value".to_owned()),
    })
}

fn pipe(text: &str) -> Result<Pipe, String> {
    let mut rest = text;
    let pipe = calls(&mut rest, 0)?;
    if rest.is_empty() { Ok(pipe) } else { Err(format!("what is {rest:?} in {text:?}?")) }
}

fn calls(rest: &mut &str, depth: usize) -> Result<Pipe, String> {
    if depth > DEEPEST {
        return Err(format!("more than {DEEPEST} deep"));
    }
    let mut calls = Vec::new();
    loop {
        let mut call = Call { function: None, arguments: Vec::new() };
        loop {
            *rest = rest.trim_start();
            match rest.chars().next() {
                None | Some('|' | ')') => break,
                Some(letter) if letter.is_ascii_alphabetic() => {
                    let word = word(rest);
                    match word {
                        "true" | "false" => {
                            call.arguments.push(literal((word == "true").into()));
                        }
                        _ if call.function.is_none() && call.arguments.is_empty() => {
                            call.function = Some(word.to_owned());
                        }
                        _ => return Err(format!("what is {word:?}?")),
                    }
                }
                Some(_) => call.arguments.push(operand(rest, depth)?),
            }
        }
        if call.function.is_none() && call.arguments.len() != 1 {
            return Err("one value, or a function with what it takes".to_owned());
        }
        calls.push(call);
        match rest.strip_prefix('|') {
            Some(more) => *rest = more,
            None => return Ok(calls),
        }
    }
}

fn operand(rest: &mut &str, depth: usize) -> Result<Operand, String> {
    let text: &str = rest;
    let base = match text.as_bytes().first() {
        Some(b'.') => Base::Dot,
        Some(b'$') => {
            *rest = &text[1..];
            let name = word(rest);
            Base::Variable(format!("${name}"))
        }
        Some(b'(') => {
            *rest = &text[1..];
            let inner = calls(rest, depth + 1)?;
            *rest = rest.strip_prefix(')').ok_or("( without its )")?;
            Base::Pipe(inner)
        }
        Some(b'"') => {
            let mut values = serde_json::Deserializer::from_str(text).into_iter::<String>();
            let value = values.next().and_then(Result::ok).ok_or("a text without its end, \"")?;
            *rest = &text[values.byte_offset()..];
            return Ok(literal(value.into()));
        }
        _ => {
            let end = text.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(text.len());
            let number: i64 = text[..end].parse().map_err(|_| format!("what is {text:?}?"))?;
            *rest = &text[end..];
            return Ok(literal(number.into()));
        }
    };
    let mut path = Vec::new();
    while let Some(after) = rest.strip_prefix('.') {
        *rest = after;
        let name = word(rest);
        if name.is_empty() {
            break;
        }
        path.push(name.to_owned());
    }
    Ok(Operand { of: base, path })
}

fn literal(value: serde_json::Value) -> Operand {
    Operand { of: Base::Literal(value), path: Vec::new() }
}

/// Takes a name off the beginning.
fn word<'t>(rest: &mut &'t str) -> &'t str {
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    let (word, after) = rest.split_at(end);
    *rest = after;
    word
}
