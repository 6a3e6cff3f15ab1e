#pragma once
/// The head of a reply as bytes. Pure, any thread.

#include "server/http/message.hpp"

namespace sluice::http {

struct ReplyFraming {
    enum class Length { none, known, chunked, until_close };
    Length length = Length::none;
    std::int64_t bytes = 0;  ///< with Length::known
    bool close = false;      ///< the connection ends after this reply
    std::int64_t now_s = 0;  ///< seconds since 1970, for Date
};

/// Appends status line and headers with the empty line. Every reply carries
/// `X-Content-Type-Options: nosniff`. Headers that the server owns (Content-Length,
/// Transfer-Encoding, Connection, Date) are skipped. False, and nothing appended, when a header's
/// name or value would break the framing: a bug of the handler.
bool append_reply_head(std::string& out, const Reply& reply, const ReplyFraming& framing);

/// The handler wrote `Connection: close`.
bool wants_close(const Reply& reply);

}  // namespace sluice::http
