//! Content codings of responses (RFC 9110 §8.4.1): gzip, deflate, br and zstd.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use async_compression::{
    tokio::bufread::{BrotliDecoder, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder},
    zstd::DParameter,
};
use aws_smithy_runtime_api::{box_error::BoxError, client::orchestrator::HttpResponse};
use aws_smithy_types::body::SdkBody;
use futures_util::TryStreamExt as _;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use tokio::{
    io::{AsyncBufRead, AsyncRead, ReadBuf},
    task::coop,
};
use tokio_util::io::{ReaderStream, StreamReader};

/// The codings that are asked for.
pub(super) const ACCEPTED: &str = "gzip, deflate, br, zstd";
/// Most codings of one response. Nobody needs more than one.
const MOST_CODINGS: usize = 2;
/// Most bytes that one coding of several may unpack to. What is read afterwards has a limit of its own, but a coding's
/// output may be nothing but empty members of the next.
const LARGEST_BETWEEN: u64 = 16 * 1024 * 1024;
/// The largest window of zstd, as a power of two: 8 MB (RFC 9659).
const ZSTD_WINDOW: u32 = 23;

/// Decodes a response's body as it is read. What reads it counts decoded bytes.
///
/// # Errors
/// If the response names too many codings.
pub(super) fn decode(response: &mut HttpResponse) -> Result<(), BoxError> {
    let headers = response.headers().iter().filter(|(name, _)| *name == "content-encoding");
    let named = headers.map(|(_, value)| value).collect::<Vec<_>>().join(",");
    // Some servers name what is no coding, such as `utf-8`: a body with one that is not known stays as it is.
    let codings: Option<Vec<Coding>> = named
        .split(',')
        .map(|name| Coding::of(name.trim()))
        .filter(|coding| *coding != Some(Coding::Identity))
        .collect();
    let Some(codings) = codings.filter(|codings| !codings.is_empty()) else { return Ok(()) };
    if codings.len() > MOST_CODINGS {
        return Err(format!("the answer has {} content codings", codings.len()).into());
    }
    response.headers_mut().remove("content-encoding");
    response.headers_mut().remove("content-length");
    let body = std::mem::replace(response.body_mut(), SdkBody::taken());
    // The first coding is the innermost, whose bytes are those of the answer.
    let bound = |index: usize| (index > 0).then_some(LARGEST_BETWEEN);
    let codings = codings.into_iter().enumerate().rev();
    *response.body_mut() = codings.fold(body, |body, (index, coding)| decoded(body, coding, bound(index)));
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Identity,
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

impl Coding {
    /// The coding of this name; `None` if it is not known.
    fn of(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Self::Identity),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            "br" => Some(Self::Brotli),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// `most`: how many bytes it may unpack to, if that is not for what reads it to decide.
fn decoded(body: SdkBody, coding: Coding, most: Option<u64>) -> SdkBody {
    let encoded = StreamReader::new(body.into_data_stream().map_err(io::Error::other));
    let decoder = Decoder { state: State::Waiting(coding, encoded), unpacked: 0, most };
    let stream = ReaderStream::new(decoder);
    SdkBody::from_body_1_x(StreamBody::new(stream.map_ok(Frame::data)))
}

/// A decoder that starts with the first byte: an empty body is no compressed one, and `deflate` shows by its first bytes
/// what it is.
struct Decoder<R> {
    state: State<R>,
    unpacked: u64,
    most: Option<u64>,
}

enum State<R> {
    Waiting(Coding, R),
    Running(Pin<Box<dyn AsyncRead + Send + Sync>>),
    Ended,
}

impl<R: AsyncBufRead + Unpin + Send + Sync + 'static> AsyncRead for Decoder<R> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // Another decoder may ask for more and more without ever waiting for the network.
        let turn = ready!(coop::poll_proceed(cx));
        if let State::Waiting(_, reader) = &mut this.state {
            let first = ready!(Pin::new(reader).poll_fill_buf(cx))?;
            let (is_empty, is_zlib) = (first.is_empty(), has_zlib_header(first));
            let waiting = std::mem::replace(&mut this.state, State::Ended);
            if let State::Waiting(coding, reader) = waiting
                && !is_empty
            {
                this.state = State::Running(start(coding, reader, is_zlib));
            }
        }
        let State::Running(decoder) = &mut this.state else { return Poll::Ready(Ok(())) };
        let before = buffer.filled().len();
        ready!(decoder.as_mut().poll_read(cx, buffer))?;
        turn.made_progress();
        this.unpacked += (buffer.filled().len() - before) as u64;
        if this.most.is_some_and(|most| this.unpacked > most) {
            return Poll::Ready(Err(io::Error::other("the answer's content codings unpack to too much")));
        }
        Poll::Ready(Ok(()))
    }
}

fn start<R: AsyncBufRead + Unpin + Send + Sync + 'static>(
    coding: Coding,
    reader: R,
    is_zlib: bool,
) -> Pin<Box<dyn AsyncRead + Send + Sync>> {
    match coding {
        Coding::Identity => Box::pin(reader),
        Coding::Gzip => {
            let mut decoder = GzipDecoder::new(reader);
            decoder.multiple_members(true);
            Box::pin(decoder)
        }
        Coding::Deflate if is_zlib => Box::pin(ZlibDecoder::new(reader)),
        Coding::Deflate => Box::pin(DeflateDecoder::new(reader)),
        Coding::Brotli => Box::pin(BrotliDecoder::new(reader)),
        Coding::Zstd => {
            let mut decoder = ZstdDecoder::with_params(reader, &[DParameter::window_log_max(ZSTD_WINDOW)]);
            decoder.multiple_members(true);
            Box::pin(decoder)
        }
    }
}

/// Whether `deflate` data has the header that RFC 9110 §8.4.1.2 requires; some servers leave it out.
fn has_zlib_header(first: &[u8]) -> bool {
    match first {
        [method, flags, ..] => method & 0x0f == 8 && (u16::from(*method) << 8 | u16::from(*flags)) % 31 == 0,
        _ => true,
    }
}
