#include "pipelines/reports/ranges.hpp"

#include <algorithm>
#include <limits>

namespace sluice::reports {
namespace {

constexpr std::int64_t k_max_line = std::numeric_limits<int>::max() / 2;

bool holds(int first, int count, int line) {
    return line >= first && line < first + count;
}

}  // namespace

bool is_changed(const ChangedLines& changes, const std::string& file, int line) {
    const auto found = changes.find(file);
    return found != changes.end() && hunk_of_new(found->second, line).has_value();
}

std::optional<int> map_line(const FileChange& change, int old_line) {
    int shift = 0;
    for (const Hunk& hunk : change.hunks) {
        if (holds(hunk.old_line, hunk.old_count, old_line)) return std::nullopt;
        // With nothing removed, `old_line` is the line before what was added.
        const int behind = hunk.old_count == 0 ? hunk.old_line + 1 : hunk.old_line;
        if (old_line < behind) break;
        shift += hunk.new_count - hunk.old_count;
    }
    return old_line + shift;
}

std::optional<std::size_t> hunk_of_old(const FileChange& change, int old_line) {
    for (std::size_t i = 0; i < change.hunks.size(); ++i)
        if (holds(change.hunks[i].old_line, change.hunks[i].old_count, old_line)) return i;
    return std::nullopt;
}

std::optional<std::size_t> hunk_of_new(const FileChange& change, int new_line) {
    for (std::size_t i = 0; i < change.hunks.size(); ++i)
        if (holds(change.hunks[i].new_line, change.hunks[i].new_count, new_line)) return i;
    return std::nullopt;
}

json::Value to_json(const ChangedLines& changes) {
    json::Object out;
    for (const auto& [path, change] : changes) {
        json::Array hunks;
        for (const Hunk& h : change.hunks)
            hunks.push_back(json::Array{h.old_line, h.old_count, h.new_line, h.new_count});
        out[path] = json::Object{{"old_path", change.old_path}, {"hunks", std::move(hunks)}};
    }
    return out;
}

Result<ChangedLines> changed_lines_from_json(const json::Value& value, std::string pointer) {
    const auto bad = [&](std::string why) {
        return error(Code::invalid, "bad_field", std::move(why), pointer);
    };
    if (!value.is_object()) return bad("an object is required");
    if (value.as_object().size() > 100'000) return bad("more than 100000 files");
    ChangedLines out;
    std::size_t count = 0;
    for (const auto& member : value.as_object()) {
        json::ObjectReader in(member.value(), pointer + "/" + std::string(member.key()));
        FileChange change;
        change.old_path = in.string_or("old_path", "", 4096);
        if (const json::Array* hunks = in.array_or_null("hunks")) {
            if ((count += hunks->size()) > 1'000'000) return bad("more than 1000000 hunks");
            for (const json::Value& item : *hunks) {
                int numbers[4] = {};
                if (!item.is_array() || item.as_array().size() != 4)
                    return bad("a hunk is four numbers");
                for (std::size_t i = 0; i < 4; ++i) {
                    const json::Value& number = item.as_array()[i];
                    if (!number.is_int64() || number.as_int64() < 0 ||
                        number.as_int64() > k_max_line)
                        return bad("a hunk is four numbers");
                    numbers[i] = static_cast<int>(number.as_int64());
                }
                change.hunks.push_back({numbers[0], numbers[1], numbers[2], numbers[3]});
            }
        }
        SLUICE_CHECK(in.finish_strict());
        out.emplace(std::string(member.key()), std::move(change));
    }
    return out;
}

}  // namespace sluice::reports
