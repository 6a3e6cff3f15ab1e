#pragma once
/// Sends a reply with any kind of body.

#include "server/http/connection.hpp"

namespace sluice::http {

struct SendOptions {
    bool head_only = false;  ///< HEAD
    bool http10 = false;     ///< no chunks: a streamed body ends with the connection
    bool close = false;      ///< say so to the client
};

/// True when all was sent and the connection may go on (unless options.close). A reply that breaks
/// the framing is replaced by 500; a stream that throws or a file that ends early cuts the
/// connection, so that nobody takes the part for the whole. On the connection's strand; `reply`
/// lives in the caller.
awaitable<bool> send_reply(Connection& connection, Reply& reply, SendOptions options);

/// 500 `internal`; the log gets `what` under the id that the message names.
Reply internal_error(std::string_view where, std::string_view what);

}  // namespace sluice::http
