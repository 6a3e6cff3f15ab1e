#pragma once
/// Log bytes as the text of an event stream. Pure; any thread.

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice::api {

/// Appends `bytes` to `out` as a JSON string in quotes and returns how many of them it took: a
/// UTF-8 sequence that the end of the piece cuts is left for the next piece, unless `last`. What is
/// not valid UTF-8 becomes U+FFFD; everything else is kept, escape sequences of terminals too: the
/// viewer interprets them. One pass at memory speed, because a tail of a 1 GB log comes through
/// here.
std::size_t append_log_text(std::string& out, std::string_view bytes, bool last);

}  // namespace sluice::api
