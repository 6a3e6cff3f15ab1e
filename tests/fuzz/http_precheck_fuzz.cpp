// Bytes as they come from a socket → the same verdict however they are cut, and a head that passes
// keeps its promises: one framing, one Host, a path without tricks. The first byte of the input is
// the size of the pieces. Links with server/http/precheck.cpp and the kernel alone.
#include "pipelines/base/text.hpp"
#include "server/http/precheck.hpp"

#include <cstdlib>
#include <string>

using namespace sluice;
using namespace sluice::http;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

struct Scan {
    std::string refusal;
    std::size_t size = 0;
    bool operator==(const Scan&) const = default;
};

Scan scan(std::string_view bytes, std::size_t piece) {
    HeadScanner scanner;
    for (std::size_t seen = 0; seen < bytes.size();) {
        seen = std::min(bytes.size(), seen + piece);
        auto result = scanner.scan(bytes.substr(0, seen));
        if (result.refusal) return {std::string{result.refusal->id}, 0};
        if (result.size > 0) return {"", result.size};
    }
    return {};
}

std::size_t count(const Head& head, std::string_view name) {
    std::size_t found = 0;
    for (const Field& field : head.fields()) found += iequals(field.name, name);
    return found;
}

void check_head(const Head& head) {
    require(head.fields().size() <= k_max_fields);
    require(count(head, "host") <= 1 && (head.http10 || count(head, "host") == 1));
    require(count(head, "content-length") + count(head, "transfer-encoding") <= 1);
    require(head.chunked == (count(head, "transfer-encoding") == 1));
    require(!head.chunked || (!head.http10 && head.content_length == 0));
    require(count(head, "authorization") <= 1);
    for (const Field& field : head.fields())
        require(field.value.find_first_of(std::string_view{"\r\n\0", 3}) == std::string_view::npos);
}

void check_path(const std::string& path) {
    require(path.starts_with('/'));
    require(!text::find_invalid_utf8(path));
    require(path.find_first_of(std::string_view{";\\\0\r\n", 5}) == std::string::npos);
    for (auto bad : {"//", "/./", "/../"}) require(path.find(bad) == std::string::npos);
    require(!path.ends_with("/.") && !path.ends_with("/.."));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    std::size_t piece = data[0] == 0 ? 1 : data[0];
    std::string_view bytes{reinterpret_cast<const char*>(data + 1), size - 1};
    auto whole = scan(bytes, bytes.size());
    require(whole == scan(bytes, piece));
    if (whole.size == 0) return 0;
    Head head;
    if (parse_head(bytes.substr(0, whole.size), head)) return 0;
    check_head(head);
    Target target;
    if (!decode_target(head.target, target)) check_path(target.path);
    return 0;
}
