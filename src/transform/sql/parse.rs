//! Text to what it says: the items of a select list, and conditions. Nothing is known of columns here.

use std::collections::BTreeSet;

use datafusion_sql::sqlparser::ast::{
    ExcludeSelectItem, Expr, Ident, ObjectName, SelectItem, Spanned, WildcardAdditionalOptions,
};
use datafusion_sql::sqlparser::dialect::GenericDialect;
use datafusion_sql::sqlparser::keywords::Keyword;
use datafusion_sql::sqlparser::parser::{Parser, ParserError};
use datafusion_sql::sqlparser::tokenizer::Token;

use super::error::{Place, SqlError, Text};
use super::functions::Functions;
use super::refuse::{Names, examine};
use super::unnest;

/// A select list.
pub(super) struct Selected {
    pub(super) items: Vec<Item>,
    /// The list whose items become rows.
    pub(super) list: Option<Expr>,
}

/// One item of a select list.
#[derive(Debug, Clone)]
pub(super) enum Item {
    /// All columns of the source, but for these.
    Star(Names),
    /// One column.
    Named(Box<Named>),
}

/// An expression with the name of the column that it fills.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) expr: Expr,
    pub(super) place: Option<Place>,
}

/// Reads what stands between `SELECT` and `FROM`.
pub(super) fn select(
    text: &Text,
    functions: &Functions,
    names: &mut Names,
) -> Result<Selected, SqlError> {
    let mut parser = begin(text)?;
    if parser.peek_keyword(Keyword::SELECT) {
        let place = Place::at(parser.peek_token().span.start);
        return Err(text.error(place, "write only what stands between SELECT and FROM"));
    }
    if parser.peek_keyword(Keyword::DISTINCT) {
        let place = Place::at(parser.peek_token().span.start);
        return Err(text.error(
            place,
            "DISTINCT compares rows, and each row is taken by itself",
        ));
    }
    let parsed = parser.parse_projection();
    let parsed = parsed.map_err(|error| parse_error(text, &error))?;
    end(&mut parser, text)?;
    let (mut items, mut list) = (Vec::new(), None);
    let mut filled = BTreeSet::new();
    for item in parsed {
        let place = Place::of(item.span());
        let (mut expr, name) = match item {
            SelectItem::Wildcard(options) => {
                let excepted = excepted(options).map_err(|what| text.error(place, what))?;
                items.push(Item::Star(excepted));
                continue;
            }
            SelectItem::ExprWithAlias { expr, alias } => (expr, alias.value),
            SelectItem::UnnamedExpr(expr) => {
                let name = own_name(&expr).ok_or_else(|| {
                    text.error(place, format!("this has no name: write {expr} AS name"))
                })?;
                (expr, name)
            }
            SelectItem::QualifiedWildcard(..) | SelectItem::ExprWithAliases { .. } => {
                return Err(text.error(place, "this is not supported: name the columns one by one"));
            }
        };
        unnest::take_out(&mut expr, text, &mut list)?;
        examine(&expr, text, functions, names)?;
        if !filled.insert(name.clone()) {
            return Err(text.error(place, format!("there is a column {name} already")));
        }
        items.push(Item::Named(Box::new(Named { name, expr, place })));
    }
    let stars = items.iter().filter(|item| matches!(item, Item::Star(_)));
    if stars.count() > 1 {
        return Err(text.error(None, "there are two stars, and one takes all columns"));
    }
    if let Some(list) = &list {
        examine(list, text, functions, names)?;
    }
    Ok(Selected { items, list })
}

/// Reads a condition.
pub(super) fn condition(
    text: &Text,
    functions: &Functions,
    names: &mut Names,
) -> Result<Expr, SqlError> {
    let mut parser = begin(text)?;
    let expr = parser.parse_expr();
    let expr = expr.map_err(|error| parse_error(text, &error))?;
    end(&mut parser, text)?;
    examine(&expr, text, functions, names)?;
    Ok(expr)
}

fn begin(text: &Text) -> Result<Parser<'static>, SqlError> {
    Parser::new(&GenericDialect {})
        .try_with_sql(&text.text)
        .map_err(|error| parse_error(text, &error))
}

/// Makes sure that nothing is left.
fn end(parser: &mut Parser<'_>, text: &Text) -> Result<(), SqlError> {
    let next = parser.peek_token();
    let place = Place::at(next.span.start);
    let what = match &next.token {
        Token::EOF => return Ok(()),
        Token::Word(word) => match word.keyword {
            Keyword::FROM => "FROM is not wanted: the rows are those of the source's files",
            Keyword::WHERE => "conditions on rows go into --where (where in [transform])",
            Keyword::GROUP | Keyword::HAVING => {
                "groups are made of many rows, and each row is taken by itself"
            }
            Keyword::ORDER | Keyword::LIMIT | Keyword::OFFSET | Keyword::QUALIFY => {
                "rows keep the order of their files, and each row is taken by itself"
            }
            Keyword::UNION | Keyword::JOIN | Keyword::INTERSECT => {
                "other rows cannot be brought in: each row is taken by itself"
            }
            _ => return Err(text.error(place, format!("{next} is one word too many here"))),
        },
        _ => return Err(text.error(place, format!("{next} cannot stand here"))),
    };
    Err(text.error(place, what))
}

fn parse_error(text: &Text, error: &ParserError) -> SqlError {
    let message = match error {
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message,
        ParserError::RecursionLimitExceeded => "it is nested too deeply",
    };
    let (what, place) = Place::split_off(message);
    match what.strip_suffix("found: EOF") {
        Some(what) => text.error(Place::behind(&text.text), format!("{what}found: the end")),
        None => text.error(place, what),
    }
}

fn own_name(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(ident) => Some(ident.value.clone()),
        Expr::CompoundIdentifier(parts) => parts.last().map(|last| last.value.clone()),
        _ => None,
    }
}

fn excepted(options: WildcardAdditionalOptions) -> Result<Names, &'static str> {
    if options.opt_replace.is_some() {
        return Err(
            "* REPLACE is not supported: a column beside * takes the place of one of that name, as in *, upper(a) AS a",
        );
    }
    if options.opt_rename.is_some() {
        return Err("* RENAME is not supported: write * EXCEPT (a), a AS b");
    }
    if options.opt_ilike.is_some() || options.opt_alias.is_some() {
        return Err("* takes EXCEPT or EXCLUDE only");
    }
    let except = options.opt_except.into_iter().flat_map(|except| {
        let more = except.additional_elements.into_iter();
        std::iter::once(except.first_element).chain(more)
    });
    let exclude = options.opt_exclude.into_iter().flat_map(|exclude| {
        let names = match exclude {
            ExcludeSelectItem::Single(name) => vec![name],
            ExcludeSelectItem::Multiple(names) => names,
        };
        names.into_iter().filter_map(only)
    });
    let left_out = except.chain(exclude);
    Ok(left_out
        .map(|ident| (ident.value, Place::of(ident.span)))
        .collect())
}

fn only(name: ObjectName) -> Option<Ident> {
    name.0
        .into_iter()
        .next()
        .and_then(|part| part.as_ident().cloned())
}
