#pragma once
/// The `Range` header of a GET (RFC 9110 §14), one range only, and replies made of files. Pure but
/// for file_reply(), which only looks at its arguments too. Any thread.

#include "server/http/message.hpp"

namespace sluice::http {

/// What of `size` bytes to send.
struct RangeChoice {
    enum class Kind {
        whole,          ///< no range, or a unit other than bytes: 200
        part,           ///< 206 with `offset` and `length`
        unsatisfiable,  ///< several ranges, reversed, beyond the end, malformed: 416 (H17)
    };
    Kind kind = Kind::whole;
    std::int64_t offset = 0;
    std::int64_t length = 0;

    bool operator==(const RangeChoice&) const = default;
};

/// `header` is the Range header's value, "" without one. A last byte beyond the end is cut to the
/// end.
RangeChoice parse_range(std::string_view header, std::int64_t size);

/// `bytes 0-9/100`, or with nothing chosen `bytes */100`.
std::string content_range(const RangeChoice& choice, std::int64_t size);

/// 200, 206 or 416 for `size` bytes of `fd` from its start, with Accept-Ranges and Content-Range.
Reply file_reply(std::shared_ptr<files::Fd> fd, std::int64_t size, std::string content_type,
                 std::string_view range_header);

}  // namespace sluice::http
