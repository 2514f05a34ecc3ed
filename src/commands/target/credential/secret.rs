//! Reads secrets from places that other users cannot see.

use crate::{
    commands::input,
    context::Context,
    error::{Error, ErrorKind},
    model::secret::Secret,
};

/// Reads a secret from a place that other users cannot see.
pub(super) async fn secret(
    ctx: &Context,
    what: &str,
    variable: Option<&str>,
    file: Option<&str>,
) -> Result<Secret, Error> {
    let (text, place) = match (variable, file) {
        (Some(variable), _) => {
            let value = ctx.settings.env.get(variable).map(|value| value.to_string_lossy().into_owned());
            let missing = || {
                // An unusual variable name may be the secret itself, given by mistake.
                let is_usual = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
                // A longer word in capitals, without an underscore, may be a key.
                let is_name = variable.len() <= 12 || variable.contains('_') && variable.len() <= 64;
                if !variable.bytes().all(is_usual) || !is_name {
                    let message = format!("the variable that is to hold the {what} is not set, or empty");
                    return Error::new(ErrorKind::InvalidInput, message)
                        .with_hint("give the variable's name, not the secret: arguments are there for all to see");
                }
                Error::new(ErrorKind::InvalidInput, format!("the variable {variable} is not set, or empty"))
                    .with_hint(format!("set it: `export {variable}=…`"))
            };
            (value.ok_or_else(missing)?, variable)
        }
        (None, Some("-")) if ctx.ui.can_ask() => (ctx.ask_secret(what).await?, "the answer"),
        (None, Some(file)) => (input::read(ctx, file).await?, input::place(file)),
        (None, None) => {
            return Err(Error::new(ErrorKind::Usage, "the OAuth client has no secret")
                .with_hint("add `--oauth-client-secret-env` or `--oauth-client-secret-file`"));
        }
    };
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        let error = Error::new(ErrorKind::InvalidInput, format!("{place} holds no secret"));
        return Err(error.with_hint("it is to be on the first line"));
    }
    Ok(Secret::new(text))
}
