//! How a client can break the protocol, and what it is told.

use peal_core::ErrorCode;

/// Ends the connection: the decoder must not be fed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Violation {
    /// For the close frame.
    pub close_code: u16,
    pub kind: ViolationKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViolationKind {
    /// A reserved bit is set although no extension was negotiated.
    ReservedBits,
    UnknownOpcode,
    /// Clients must mask every frame.
    NotMasked,
    /// A control frame is fragmented or longer than 125 bytes.
    ControlFrame,
    /// The length is not in its shortest form, or its highest bit is set.
    Length,
    /// A continuation without a beginning, or a beginning before the end.
    Continuation,
    /// A close frame with one byte or a code that may not be sent.
    CloseFrame,
    /// Text or close reason is not UTF-8.
    NotUtf8,
    /// The message is longer than the limit.
    TooLarge,
    /// The message has more fragments, or more control frames between them, than the limit.
    TooFragmented,
}

impl ViolationKind {
    #[must_use]
    pub const fn close_code(self) -> u16 {
        match self {
            Self::ReservedBits
            | Self::UnknownOpcode
            | Self::NotMasked
            | Self::ControlFrame
            | Self::Length
            | Self::Continuation
            | Self::CloseFrame => 1002,
            Self::NotUtf8 => 1007,
            Self::TooFragmented => 1008,
            Self::TooLarge => 1009,
        }
    }

    /// The row of the error table; for logs and metrics, since the close code says it to the client.
    #[must_use]
    pub const fn error_code(self) -> ErrorCode {
        match self {
            Self::TooLarge | Self::TooFragmented => ErrorCode::FrameTooLarge,
            Self::ReservedBits
            | Self::UnknownOpcode
            | Self::NotMasked
            | Self::ControlFrame
            | Self::Length
            | Self::Continuation
            | Self::CloseFrame
            | Self::NotUtf8 => ErrorCode::InvalidRequest,
        }
    }

    /// A reason for the close frame.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::ReservedBits => "reserved bits are set",
            Self::UnknownOpcode => "unknown opcode",
            Self::NotMasked => "frame is not masked",
            Self::ControlFrame => "control frame is fragmented or too long",
            Self::Length => "bad frame length",
            Self::Continuation => "unexpected continuation",
            Self::CloseFrame => "bad close frame",
            Self::NotUtf8 => "not UTF-8",
            Self::TooLarge => "message too large",
            Self::TooFragmented => "too many fragments",
        }
    }
}

impl Violation {
    #[must_use]
    pub const fn error_code(self) -> ErrorCode {
        self.kind.error_code()
    }
}

impl From<ViolationKind> for Violation {
    fn from(kind: ViolationKind) -> Self {
        Self { close_code: kind.close_code(), kind }
    }
}
