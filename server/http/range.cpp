#include "server/http/range.hpp"

#include <fmt/format.h>

#include <charconv>

namespace sluice::http {
namespace {

/// Digits only; nothing when empty, foreign or over int64.
std::optional<std::int64_t> parse_offset(std::string_view text) {
    if (text.empty() || text[0] < '0' || text[0] > '9') return std::nullopt;
    std::int64_t value = 0;
    auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace

RangeChoice parse_range(std::string_view header, std::int64_t size) {
    using Kind = RangeChoice::Kind;
    const RangeChoice whole{Kind::whole, 0, size};
    const RangeChoice unsatisfiable{Kind::unsatisfiable, 0, 0};
    constexpr std::string_view unit = "bytes=";
    if (!header.starts_with(unit)) return header.starts_with("bytes") ? unsatisfiable : whole;
    header.remove_prefix(unit.size());
    auto dash = header.find('-');
    if (dash == std::string_view::npos) return unsatisfiable;
    auto first = parse_offset(header.substr(0, dash));
    auto last = parse_offset(header.substr(dash + 1));
    if (dash == 0) {  // the last n bytes
        if (!last || *last == 0 || size == 0) return unsatisfiable;
        auto length = std::min(*last, size);
        return {Kind::part, size - length, length};
    }
    if (!first || *first >= size) return unsatisfiable;
    if (dash + 1 == header.size()) return {Kind::part, *first, size - *first};
    if (!last || *last < *first) return unsatisfiable;
    return {Kind::part, *first, std::min(*last, size - 1) - *first + 1};
}

std::string content_range(const RangeChoice& choice, std::int64_t size) {
    if (choice.kind == RangeChoice::Kind::unsatisfiable) return fmt::format("bytes */{}", size);
    return fmt::format("bytes {}-{}/{}", choice.offset, choice.offset + choice.length - 1, size);
}

Reply file_reply(std::shared_ptr<files::Fd> fd, std::int64_t size, std::string content_type,
                 std::string_view range_header) {
    auto choice = parse_range(range_header, size);
    if (choice.kind == RangeChoice::Kind::unsatisfiable) {
        auto reply =
            error_reply(error(Code::invalid, "range_not_satisfiable",
                              fmt::format("give one range within 0-{}", size - 1), "Range"));
        reply.status = 416;
        reply.headers.emplace_back("Content-Range", content_range(choice, size));
        return reply;
    }
    Reply reply{200, std::move(content_type), {{"Accept-Ranges", "bytes"}}, {}};
    if (choice.kind == RangeChoice::Kind::part) {
        reply.status = 206;
        reply.headers.emplace_back("Content-Range", content_range(choice, size));
    }
    reply.body = FileBody{std::move(fd), choice.offset, choice.length};
    return reply;
}

}  // namespace sluice::http
