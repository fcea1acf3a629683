//! The templates of Prometheus, as far as the alert rules use them: `if`, `with`, `range`, pipes, and a dozen functions. What a
//! template asks a database of Prometheus for is asked of a [`Source`] here.
//!
//! A template comes from our own rules, never from outside; what is filled in may hold anything, and is never read as a template.

mod format;

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::vec::IntoIter;

use self::format::{duration, printf, significant, timestamp};

/// Answers the queries of a template.
pub trait Source {
    /// The samples that a query gives, in their order.
    fn query(&self, query: &str) -> Vec<Sample>;
}

/// A sample: its labels and its value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// By name.
    pub labels: BTreeMap<String, String>,
    /// A number; a moment in seconds of the Unix epoch.
    pub value: f64,
}

/// Why a template cannot be filled in. A test fills in every one of the rules, so that nobody ever sees this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a template cannot be filled in: {0}")]
pub struct Broken(String);

/// Fills in a template for an alert with these labels and this value.
///
/// # Errors
///
/// If it uses what is not known here.
pub fn fill(
    template: &str,
    labels: &BTreeMap<String, String>,
    value: f64,
    source: &dyn Source,
) -> Result<String, Broken> {
    let nodes = parse(&mut pieces(template)?.into_iter().peekable(), true)?.0;
    let mut filler = Filler { source, variables: Vec::new() };
    filler.variables.push(("labels".to_owned(), Value::Sample(Sample { labels: labels.clone(), value })));
    filler.variables.push(("value".to_owned(), Value::Number(value)));
    let mut text = String::new();
    filler.run(&nodes, &Value::Text(String::new()), &mut text)?;
    Ok(text)
}

fn broken<T>(what: impl Into<String>) -> Result<T, Broken> {
    Err(Broken(what.into()))
}

/// A template, cut at its braces.
enum Piece {
    Text(String),
    Action(Vec<Token>),
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Open,
    Close,
    Pipe,
    Comma,
    Define,
}

fn pieces(template: &str) -> Result<Vec<Piece>, Broken> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some((text, after)) = rest.split_once("{{") {
        let Some((action, behind)) = after.split_once("}}") else { return broken("a brace is not closed") };
        pieces.push(Piece::Text(text.to_owned()));
        // No text within an action of the rules holds a closing brace pair.
        pieces.push(Piece::Action(tokens(action)?));
        rest = behind;
    }
    pieces.push(Piece::Text(rest.to_owned()));
    Ok(pieces)
}

fn tokens(action: &str) -> Result<Vec<Token>, Broken> {
    let mut tokens = Vec::new();
    let mut characters = action.chars().peekable();
    while let Some(c) = characters.next() {
        let token = match c {
            _ if c.is_whitespace() => continue,
            '(' => Token::Open,
            ')' => Token::Close,
            '|' => Token::Pipe,
            ',' => Token::Comma,
            ':' if characters.next_if_eq(&'=').is_some() => Token::Define,
            '"' => {
                let mut text = String::new();
                loop {
                    match characters.next() {
                        Some('"') => break Token::Text(text),
                        Some('\\') => text.extend(characters.next()),
                        Some(c) => text.push(c),
                        None => return broken("a text is not closed"),
                    }
                }
            }
            _ => {
                let mut word = c.to_string();
                while let Some(c) = characters.next_if(|c| !c.is_whitespace() && !"()|,:\"".contains(*c)) {
                    word.push(c);
                }
                Token::Word(word)
            }
        };
        tokens.push(token);
    }
    Ok(tokens)
}

/// A part of a template.
enum Node {
    Text(String),
    Show(Vec<Token>),
    If(Vec<Token>, Vec<Self>, Vec<Self>),
    With(Vec<Token>, Vec<Self>, Vec<Self>),
    Range(Vec<Token>, Vec<Self>),
}

/// How a block ended.
enum Closed {
    WithTemplate,
    ByElse(Vec<Token>),
    ByEnd,
}

fn parse(pieces: &mut Peekable<IntoIter<Piece>>, is_outside: bool) -> Result<(Vec<Node>, Closed), Broken> {
    let mut nodes = Vec::new();
    while let Some(piece) = pieces.next() {
        let mut tokens = match piece {
            Piece::Text(text) => {
                nodes.push(Node::Text(text));
                continue;
            }
            Piece::Action(tokens) => tokens,
        };
        let word = match tokens.first() {
            Some(Token::Word(word)) => word.clone(),
            _ => String::new(),
        };
        match word.as_str() {
            "if" | "with" | "range" => {
                tokens.remove(0);
                nodes.push(block(&word, tokens, pieces)?);
            }
            "else" | "end" if is_outside => return broken("a block ends that never began"),
            "else" => {
                tokens.remove(0);
                return Ok((nodes, Closed::ByElse(tokens)));
            }
            "end" => return Ok((nodes, Closed::ByEnd)),
            _ => nodes.push(Node::Show(tokens)),
        }
    }
    if is_outside { Ok((nodes, Closed::WithTemplate)) } else { broken("a block does not end") }
}

fn block(word: &str, tokens: Vec<Token>, pieces: &mut Peekable<IntoIter<Piece>>) -> Result<Node, Broken> {
    let (then, end) = parse(pieces, false)?;
    let otherwise = match end {
        Closed::ByElse(rest) if rest.is_empty() => parse(pieces, false)?.0,
        Closed::ByElse(mut rest) => match rest.remove(0) {
            Token::Word(next) if next == "if" || next == "with" => vec![block(&next, rest, pieces)?],
            _ => return broken("an else of another kind"),
        },
        Closed::ByEnd | Closed::WithTemplate => Vec::new(),
    };
    Ok(match word {
        "if" => Node::If(tokens, then, otherwise),
        "with" => Node::With(tokens, then, otherwise),
        _ => Node::Range(tokens, then),
    })
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Text(String),
    Number(f64),
    Flag(bool),
    Samples(Vec<Sample>),
    Sample(Sample),
}

impl Value {
    fn is_true(&self) -> bool {
        match self {
            Self::Text(text) => !text.is_empty(),
            Self::Number(number) => *number != 0.0,
            Self::Flag(flag) => *flag,
            Self::Samples(samples) => !samples.is_empty(),
            Self::Sample(_) => true,
        }
    }

    fn number(&self) -> Result<f64, Broken> {
        match self {
            Self::Number(number) => Ok(*number),
            _ => broken("no number"),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::Samples(_) | Self::Sample(_) => String::new(),
        }
    }
}

struct Filler<'a> {
    source: &'a dyn Source,
    variables: Vec<(String, Value)>,
}

impl Filler<'_> {
    fn run(&mut self, nodes: &[Node], dot: &Value, out: &mut String) -> Result<(), Broken> {
        for node in nodes {
            match node {
                Node::Text(text) => out.push_str(text),
                Node::Show(tokens) => out.push_str(&self.value(tokens, dot)?.text()),
                Node::If(tokens, then, otherwise) => {
                    let branch = if self.value(tokens, dot)?.is_true() { then } else { otherwise };
                    self.run(branch, dot, out)?;
                }
                Node::With(tokens, then, otherwise) => {
                    let value = self.value(tokens, dot)?;
                    if value.is_true() { self.run(then, &value, out)? } else { self.run(otherwise, dot, out)? }
                }
                Node::Range(tokens, body) => self.range(tokens, body, dot, out)?,
            }
        }
        Ok(())
    }

    fn range(&mut self, tokens: &[Token], body: &[Node], dot: &Value, out: &mut String) -> Result<(), Broken> {
        let [Token::Word(index), Token::Comma, Token::Word(each), Token::Define, list @ ..] = tokens else {
            return broken("a range of another kind");
        };
        let (index, each) = (index.trim_start_matches('$').to_owned(), each.trim_start_matches('$').to_owned());
        let Value::Samples(samples) = self.value(list, dot)? else { return broken("a range over no list") };
        let depth = self.variables.len();
        let mut number = 0.0;
        for sample in samples {
            self.variables.push((index.clone(), Value::Number(number)));
            self.variables.push((each.clone(), Value::Sample(sample.clone())));
            self.run(body, &Value::Sample(sample), out)?;
            self.variables.truncate(depth);
            number += 1.0;
        }
        Ok(())
    }

    /// The value of a pipe.
    fn value(&self, tokens: &[Token], dot: &Value) -> Result<Value, Broken> {
        let mut piped = None;
        let mut depth = 0;
        let commands = tokens.split(|token| {
            depth += i32::from(*token == Token::Open) - i32::from(*token == Token::Close);
            depth == 0 && *token == Token::Pipe
        });
        for command in commands {
            piped = Some(self.command(command, piped, dot)?);
        }
        piped.map_or_else(|| broken("an empty action"), Ok)
    }

    fn command(&self, tokens: &[Token], piped: Option<Value>, dot: &Value) -> Result<Value, Broken> {
        let function = match tokens.first() {
            Some(Token::Word(word)) if word.starts_with(|c: char| c.is_ascii_lowercase()) => Some(word.as_str()),
            _ => None,
        };
        let mut values = Vec::new();
        let mut rest = &tokens[usize::from(function.is_some())..];
        while let Some((first, after)) = rest.split_first() {
            rest = after;
            values.push(match first {
                Token::Text(text) => Value::Text(text.clone()),
                Token::Word(word) => self.operand(word, dot)?,
                Token::Open => {
                    let mut depth = 1;
                    let end = rest.iter().position(|token| {
                        depth += i32::from(*token == Token::Open) - i32::from(*token == Token::Close);
                        depth == 0
                    });
                    let Some(end) = end else { return broken("a parenthesis is not closed") };
                    let value = self.value(&rest[..end], dot)?;
                    rest = &rest[end + 1..];
                    value
                }
                Token::Close | Token::Pipe | Token::Comma | Token::Define => return broken("a sign out of place"),
            });
        }
        values.extend(piped);
        match function {
            Some(function) => self.call(function, &values),
            None => values.into_iter().next().map_or_else(|| broken("an empty command"), Ok),
        }
    }

    fn operand(&self, word: &str, dot: &Value) -> Result<Value, Broken> {
        if let Ok(number) = word.parse() {
            return Ok(Value::Number(number));
        }
        let (start, path) = match word.strip_prefix('$') {
            None => (dot.clone(), word),
            Some(variable) => {
                let (name, path) = variable.split_at(variable.find('.').unwrap_or(variable.len()));
                let found = self.variables.iter().rev().find(|(known, _)| known == name);
                (found.map_or_else(|| broken(format!("${name}")), |(_, value)| Ok(value.clone()))?, path)
            }
        };
        match (start, path) {
            (value, "." | "") => Ok(value),
            (Value::Sample(sample), ".Value") => Ok(Value::Number(sample.value)),
            (Value::Sample(sample), path) => {
                // `$labels` is the labels themselves.
                let label = path.strip_prefix(".Labels").unwrap_or(path).trim_start_matches('.');
                Ok(Value::Text(sample.labels.get(label).cloned().unwrap_or_default()))
            }
            _ => broken(word),
        }
    }

    fn call(&self, function: &str, values: &[Value]) -> Result<Value, Broken> {
        let number = || values.last().map_or_else(|| broken("no value"), Value::number);
        Ok(match (function, values) {
            ("query", [query]) => Value::Samples(self.source.query(&query.text())),
            ("first", [Value::Samples(samples)]) => match samples.first() {
                Some(sample) => Value::Sample(sample.clone()),
                None => return broken("first of nothing"),
            },
            ("value", [Value::Sample(sample)]) => Value::Number(sample.value),
            ("label", [name, Value::Sample(sample)]) => {
                Value::Text(sample.labels.get(name.text().as_str()).cloned().unwrap_or_default())
            }
            ("printf", [format, rest @ ..]) => Value::Text(printf(&format.text(), rest)?),
            ("eq", [one, other]) => Value::Flag(one == other),
            ("gt", [one, other]) => Value::Flag(one.number()? > other.number()?),
            ("or", [.., last]) => Value::Flag(values.iter().any(Value::is_true) || last.is_true()),
            ("humanizeTimestamp", _) => Value::Text(timestamp(number()?)),
            ("humanizeDuration", _) => Value::Text(duration(number()?)),
            ("humanizePercentage", _) => Value::Text(format!("{}%", significant(number()? * 100.0))),
            _ => return broken(function),
        })
    }
}

#[cfg(test)]
mod tests;
