// Bytes as the manifest of a pack → never a path that leads out, a link that does, or a path twice;
// what is accepted prints to lines that are accepted again.
#include "pipelines/protocol/packs.hpp"

#include <cstdint>
#include <cstdlib>
#include <set>
#include <string_view>

using namespace sluice;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

bool leads_out(std::string_view path) {
    long depth = 0;
    for (std::size_t begin = 0; begin <= path.size();) {
        const std::size_t slash = std::min(path.find('/', begin), path.size());
        const auto part = path.substr(begin, slash - begin);
        if (part == ".." && --depth < 0) return true;
        if (part != ".." && part != "." && !part.empty()) ++depth;
        begin = slash + 1;
    }
    return path.starts_with('/');
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text(reinterpret_cast<const char*>(data), size);
    protocol::ManifestReader reader, again;
    std::set<std::string> seen;
    for (bool head = true; !text.empty(); head = false) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(text.size(), end + 1));
        if (head) {
            if (!reader.head(line)) return 0;
            require(again.head(protocol::head_line(reader.head())).has_value());
            continue;
        }
        auto entry = reader.entry(line);
        if (!entry) return 0;
        require(!leads_out(entry->path) && entry->path.find("..") != 0);
        require(seen.insert(entry->path).second);
        if (entry->type == protocol::PackEntry::Type::link) {
            const auto slash = entry->path.rfind('/');
            const std::string folder =
                slash == std::string::npos ? "" : entry->path.substr(0, slash + 1);
            require(!entry->to.starts_with('/') && !leads_out(folder + entry->to));
        }
        auto same = again.entry(protocol::entry_line(*entry));
        require(same.has_value() && *same == *entry);
    }
    (void)reader.finish();
    return 0;
}
