use clap::{Args, Subcommand};
use polyaxon_proto::hub::v1::{
    CreateTokenRequest, ListTokensRequest, RevokeTokenRequest, Scope, Token,
};
use serde_json::json;

use crate::app::App;
use crate::error::{CommandError, Outcome};
use crate::exit::Exit;
use crate::ui::{Format, Table, time};
use crate::view::access::{ScopeName, TokenView, scope_name};

/// Administer the hub
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Token(TokenArguments),
}

/// Make, list and revoke tokens
#[derive(Args)]
struct TokenArguments {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Subcommand)]
enum TokenCommand {
    Create(Create),
    Ls(Ls),
    Revoke(Revoke),
}

/// Make a token; its secret is shown once
#[derive(Args)]
#[command(after_help = "Examples:
  polyaxon admin token create --scope agent --name cluster-1 > agent.token
  polyaxon admin token create --scope user --name ana --expires-in 90d")]
struct Create {
    /// What the token may do
    #[arg(long, value_enum)]
    scope: ScopeName,
    /// A name that tells it apart; an agent is known by it
    #[arg(short, long)]
    name: String,
    /// How long it is good for, such as `12h` or `90d`; without it, until it is revoked
    #[arg(long, value_parser = seconds)]
    expires_in: Option<i64>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// List tokens, without their secrets
#[derive(Args)]
#[command(after_help = "Examples:\n  polyaxon admin token ls\n  polyaxon admin token ls -o json")]
struct Ls {
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Make a token useless at once
#[derive(Args)]
#[command(after_help = "Example:\n  polyaxon admin token revoke cluster-1")]
struct Revoke {
    /// Name or id of the token
    token: String,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

fn seconds(text: &str) -> Result<i64, String> {
    let wanted = || "write a number and a unit: `30m`, `12h` or `90d`".to_owned();
    let unit = text.chars().last().ok_or_else(wanted)?;
    let length = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wanted()),
    };
    text.strip_suffix(unit)
        .and_then(|count| count.parse::<i64>().ok())
        .filter(|count| *count > 0)
        .and_then(|count| count.checked_mul(length))
        .ok_or_else(wanted)
}

pub(crate) async fn run(arguments: Arguments, app: &App) -> Outcome {
    let Command::Token(arguments) = arguments.command;
    match arguments.command {
        TokenCommand::Create(arguments) => create(arguments, app).await,
        TokenCommand::Ls(arguments) => ls(&arguments, app).await,
        TokenCommand::Revoke(arguments) => revoke(arguments, app).await,
    }
}

async fn create(arguments: Create, app: &App) -> Outcome {
    let hub = app.hub()?;
    let request = CreateTokenRequest {
        name: arguments.name,
        scope: Scope::from(arguments.scope).into(),
        expires_in_seconds: arguments.expires_in.unwrap_or_default(),
    };
    let answer = hub.answer(hub.access().create_token(request).await)?;
    let token = answer.token.unwrap_or_default();
    if arguments.output == Format::Text {
        app.ui.talk(format_args!(
            "token `{}` with scope {} is made; keep its secret, it is not shown again",
            token.name,
            scope_name(token.scope())
        ))?;
        app.ui.data(&answer.secret)?;
    } else {
        let document = json!({ "token": TokenView::from(&token), "secret": answer.secret });
        app.ui.document(arguments.output, &document)?;
    }
    Ok(Exit::Succeeded)
}

async fn ls(arguments: &Ls, app: &App) -> Outcome {
    let tokens = all_tokens(app).await?;
    if arguments.output != Format::Text {
        let views: Vec<TokenView> = tokens.iter().map(TokenView::from).collect();
        app.ui.document(arguments.output, &views)?;
        return Ok(Exit::Succeeded);
    }
    let now = time::now();
    let mut table = Table::new(&["NAME", "SCOPE", "CREATED", "LAST USED", "STATE", "ID"]);
    for token in &tokens {
        let state = if token.revoked_at.is_some() {
            "revoked"
        } else if time::timestamp(token.expires_at.as_ref()).is_some_and(|end| end <= now) {
            "expired"
        } else {
            "valid"
        };
        table.push([
            token.name.clone(),
            scope_name(token.scope()).to_owned(),
            time::ago(token.created_at.as_ref(), now),
            time::ago(token.last_used_at.as_ref(), now),
            state.to_owned(),
            token.id.clone(),
        ]);
    }
    app.ui.table(&table)?;
    Ok(Exit::Succeeded)
}

async fn all_tokens(app: &App) -> Result<Vec<Token>, CommandError> {
    let hub = app.hub()?;
    let mut tokens = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListTokensRequest {
            page_size: 200,
            page_token,
        };
        let page = hub.answer(hub.access().list_tokens(request).await)?;
        tokens.extend(page.tokens);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(tokens);
        }
    }
}

async fn revoke(arguments: Revoke, app: &App) -> Outcome {
    let hub = app.hub()?;
    let request = RevokeTokenRequest {
        token: arguments.token,
    };
    let answer = hub.answer(hub.access().revoke_token(request).await)?;
    let token = answer.token.unwrap_or_default();
    if arguments.output == Format::Text {
        app.ui
            .talk(format_args!("token `{}` is revoked", token.name))?;
    } else {
        app.ui
            .document(arguments.output, &TokenView::from(&token))?;
    }
    Ok(Exit::Succeeded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("90d", Some(7_776_000))]
    #[case("30m", Some(1_800))]
    #[case("5s", Some(5))]
    #[case("12", None)]
    #[case("0h", None)]
    #[case("-1h", None)]
    #[case("", None)]
    #[case("9223372036854775807d", None)]
    fn lifetimes(#[case] text: &str, #[case] expected: Option<i64>) {
        assert_eq!(seconds(text).ok(), expected);
    }
}
