//! Credentials of webhooks: as the document has them, or stored secrets, looked up for each request, so that a changed one counts at once.

use std::borrow::Cow;

use axum::http::StatusCode;
use prana::core::nodes::webhook_trigger::WebhookAuth;

use crate::problem::Problem;
use crate::server::Shared;

/// The name in `{{ $secrets.name }}`; none for any other text.
pub fn secret_name(text: &str) -> Option<&str> {
    let name = text.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim().strip_prefix("$secrets.")?;
    let is_name =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    is_name.then_some(name)
}

/// The fields that may be secrets.
fn fields(auth: &mut WebhookAuth) -> [&mut Option<String>; 5] {
    [&mut auth.username, &mut auth.password, &mut auth.header_value, &mut auth.secret, &mut auth.public_key]
}

/// What is wrong with a field that mentions templates: only a whole secret is understood.
pub fn check(auth: &WebhookAuth) -> Result<(), String> {
    let mut auth = auth.clone();
    let is_odd = |text: &String| text.contains("{{") && secret_name(text).is_none();
    match fields(&mut auth).iter().any(|field| field.as_ref().is_some_and(is_odd)) {
        true => Err("in `auth`, only a whole value can be a secret, as in `secret: \"{{ $secrets.shop }}\"`"
            .to_owned()),
        false => Ok(()),
    }
}

/// The same with secrets in their places.
pub async fn revealed<'a>(shared: &Shared, auth: &'a WebhookAuth) -> Result<Cow<'a, WebhookAuth>, Problem> {
    let mut own = Cow::Borrowed(auth);
    let mut copy = auth.clone();
    for field in fields(&mut copy) {
        let Some(name) = field.as_deref().and_then(secret_name) else { continue };
        let revealed = shared.engine.secrets().reveal(name).await.map_err(|error| {
            tracing::error!(secret = name, %error, "a webhook can't tell who calls");
            let detail = "this webhook can't tell who calls now; the server's log says why";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "webhook.no_secret", detail)
        })?;
        *field = Some(revealed.text.reveal().to_owned());
        own = Cow::Owned(WebhookAuth::default());
    }
    if let Cow::Owned(auth) = &mut own {
        *auth = copy;
    }
    Ok(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_secrets_are_told_from_other_texts() {
        for (text, name) in [
            ("{{ $secrets.shop }}", Some("shop")),
            ("{{$secrets.a-b_1}}", Some("a-b_1")),
            (" {{ $secrets.shop }} ", Some("shop")),
            ("shop", None),
            ("", None),
            ("{{ $secrets.shop | upper }}", None),
            ("{{ $secrets. }}", None),
            ("{{ $vars.shop }}", None),
            ("x{{ $secrets.shop }}", None),
        ] {
            assert_eq!(secret_name(text), name, "{text}");
        }
    }
}
