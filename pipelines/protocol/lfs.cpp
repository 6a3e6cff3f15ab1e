#include "pipelines/protocol/lfs.hpp"

#include "pipelines/model/wire.hpp"
#include "pipelines/protocol/packs.hpp"

#include <array>
#include <charconv>

namespace sluice::protocol {

namespace {

namespace wire = model::wire;

/// The second is that of the time before the first release; git-lfs still reads it.
constexpr std::array<std::string_view, 2> k_versions{"version https://git-lfs.github.com/spec/v1\n",
                                                     "version https://hawser.github.com/spec/v1\n"};

Error bad_pointer(std::string what) {
    return error(Code::invalid, "lfs_bad_pointer", std::move(what));
}

/// Takes `key VALUE\n` off the front; nothing when another line is there.
std::optional<std::string_view> take_line(std::string_view& text, std::string_view key) {
    if (!text.starts_with(key)) return std::nullopt;
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view value = text.substr(key.size(), end - key.size());
    text.remove_prefix(end + 1);
    return value;
}

std::optional<std::int64_t> size_in(std::string_view digits) {
    std::int64_t value = 0;
    const char* last = digits.data() + digits.size();
    const auto [end, failed] = std::from_chars(digits.data(), last, value);
    const bool padded = digits.size() > 1 && digits.front() == '0';
    if (digits.empty() || failed != std::errc{} || end != last || value < 0 || padded ||
        value > wire::k_max_bytes)
        return std::nullopt;
    return value;
}

Result<LfsFile> file_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    LfsFile out;
    out.path = in.string("path", 8192);
    out.pointer.sha256 = in.string("sha256", 64);
    out.pointer.size = in.integer("size", 0, wire::k_max_bytes);
    if (!is_blob_digest(out.pointer.sha256)) in.fail("sha256", "must be 64 hex digits");
    if (!check_pack_path(out.path)) in.fail("path", "must be a path inside the repository");
    SLUICE_CHECK(in.finish_strict());
    return out;
}

}  // namespace

Result<std::optional<LfsPointer>> parse_lfs_pointer(std::string_view text) {
    if (text.size() > k_lfs_pointer_max) return std::optional<LfsPointer>{};
    bool is_pointer = false;
    for (const std::string_view version : k_versions)
        if (!is_pointer && text.starts_with(version)) {
            is_pointer = true;
            text.remove_prefix(version.size());
        }
    if (!is_pointer) return std::optional<LfsPointer>{};
    if (text.starts_with("ext-"))
        return bad_pointer("it names an extension of Git LFS, which is a program of its own");
    LfsPointer out;
    const auto oid = take_line(text, "oid sha256:");
    if (!oid || !is_blob_digest(*oid))
        return bad_pointer("its second line must be `oid sha256:` and 64 hex digits in lower case");
    out.sha256 = *oid;
    const auto size = take_line(text, "size ");
    const auto bytes = size ? size_in(*size) : std::nullopt;
    if (!bytes) return bad_pointer("its third line must be `size` and a number of bytes");
    out.size = *bytes;
    if (!text.empty()) return bad_pointer("there is more behind its third line");
    return std::optional(std::move(out));
}

json::Value to_json(const LfsRequest& value) {
    json::Object out{{"wait_ms", value.wait.count()}};
    if (!value.submodule.empty()) out["submodule"] = wire::text(value.submodule);
    return out;
}

Result<LfsRequest> parse_lfs(const json::Value& value) {
    json::ObjectReader in(value, "");
    LfsRequest out;
    out.submodule = in.string_or("submodule", "", 8192);
    out.wait = wire::milliseconds_or_null(in, "wait_ms").value_or(Duration{0});
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value to_json(const LfsReply& value) {
    json::Array files;
    for (const LfsFile& file : value.files)
        files.push_back(json::Object{{"path", wire::text(file.path)},
                                     {"sha256", wire::text(file.pointer.sha256)},
                                     {"size", file.pointer.size}});
    return json::Object{{"files", std::move(files)}, {"ready", value.ready}};
}

Result<LfsReply> parse_lfs_reply(const json::Value& value) {
    json::ObjectReader in(value, "");
    LfsReply out;
    SLUICE_TRY(out.files, wire::list<LfsFile>(in, "files", k_lfs_files_max, file_from_json));
    out.ready = in.boolean_or("ready", false);
    SLUICE_CHECK(in.finish_strict());
    return out;
}

}  // namespace sluice::protocol
