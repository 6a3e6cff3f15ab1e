#include "pipelines/protocol/packs.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/model/wire.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

namespace sluice::protocol {

namespace {

namespace wire = model::wire;

constexpr std::size_t k_path_max = 4096;
constexpr std::size_t k_part_max = 255;
constexpr std::size_t k_line_max = 32 * 1024;
constexpr std::size_t k_head_max = 32 << 20;
constexpr std::int64_t k_manifest = 1;

Error corrupt(std::string message) {
    return error(Code::invalid, "archive_corrupt", std::move(message));
}

/// As an archive may name it in a message: hostile bytes stay out of terminals.
std::string shown(std::string_view path) {
    return text::sanitize_utf8(path.substr(0, 200), 200);
}

std::uint64_t hash_of(std::string_view path, bool lower) {
    if (!lower) return std::hash<std::string_view>()(path);
    std::string folded(path);
    std::transform(folded.begin(), folded.end(), folded.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return std::hash<std::string_view>()(folded);
}

Result<json::Value> parse_line(std::string_view line, std::size_t max_bytes) {
    auto value = json::parse(line, {.bytes = max_bytes, .depth = 4});
    if (!value) return corrupt("the manifest is damaged: " + value.error().message);
    return value;
}

/// What finish_strict() refuses, as damage of the archive.
Result<> checked(const json::ObjectReader& in) {
    if (Result<> done = in.finish_strict(); !done)
        return corrupt(fmt::format("the manifest is damaged: {} {}", done.error().where,
                                   done.error().message));
    return {};
}

}  // namespace

bool is_blob_digest(std::string_view text) {
    return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
           });
}

std::string head_line(const PackHead& head) {
    json::Array blobs;
    for (const Blob& blob : head.blobs) blobs.push_back(to_json(blob));
    return json::serialize(json::Object{{"pack", k_manifest},
                                        {"files", head.files},
                                        {"bytes", head.bytes},
                                        {"blobs", std::move(blobs)}});
}

std::string entry_line(const PackEntry& entry) {
    json::Object out{{"path", wire::text(entry.path)}};
    if (entry.type == PackEntry::Type::dir) out["dir"] = true;
    if (entry.type == PackEntry::Type::link) out["to"] = wire::text(entry.to);
    if (entry.type != PackEntry::Type::file) return json::serialize(out);
    out["size"] = entry.size;
    if (entry.executable) out["x"] = true;
    if (entry.size > 0) {
        out["blob"] = entry.blob;
        out["at"] = entry.at;
    }
    return json::serialize(out);
}

Result<> check_pack_path(std::string_view path) {
    const auto bad = [&](const char* why) {
        return error(Code::invalid, "bad_artifact_name",
                     fmt::format("\"{}\": {}", shown(path), why));
    };
    if (path.empty()) return bad("a name is empty");
    if (path.size() > k_path_max) return bad("a path has more than 4,096 bytes");
    if (text::find_invalid_utf8(path)) return bad("a name is not UTF-8");
    if (std::any_of(path.begin(), path.end(),
                    [](unsigned char c) { return c < 0x20 || c == 0x7F; }))
        return bad("a name holds a control character");
    const auto escape = [&](const char* why) {
        return error(Code::invalid, "archive_path_escape",
                     fmt::format("\"{}\": {}", shown(path), why));
    };
    if (path.front() == '/') return escape("an absolute path");
    if (path.find('\\') != std::string_view::npos) return escape("a backslash in a path");
    if (path.size() > 1 && path[1] == ':') return escape("a path with a drive");
    for (const std::string& part : text::split(path, '/')) {
        if (part == "..") return escape("a path that leads out");
        if (part.empty() || part == ".") return bad("a part of the path is empty or `.`");
        if (part.size() > k_part_max) return bad("a part of the path has more than 255 bytes");
    }
    return {};
}

Result<> check_pack_link(std::string_view path, std::string_view to) {
    const auto bad = [&](const char* why) {
        return error(Code::invalid, "archive_link",
                     fmt::format("\"{}\" -> \"{}\": {}", shown(path), shown(to), why));
    };
    if (to.empty() || to.size() > k_path_max) return bad("a link without a target");
    if (to.front() == '/' || to.find('\\') != std::string_view::npos)
        return bad("a link to an absolute path");
    if (to.find('\0') != std::string_view::npos || text::find_invalid_utf8(to))
        return bad("a link to something without a name");
    // Only in front may `..` stand: behind another part, which may be a link itself, it would lead
    // elsewhere than it seems.
    auto depth = std::count(path.begin(), path.end(), '/');
    bool down = false;
    for (const std::string& part : text::split(to, '/')) {
        if (part == "..") {
            if (down) return bad("`..` behind another part");
            if (--depth < 0) return bad("a link that leads out");
        } else if (!part.empty() && part != ".") {
            down = true;
        }
    }
    return {};
}

Result<> ManifestReader::head(std::string_view line) {
    SLUICE_TRY(const json::Value value, parse_line(line, k_head_max));
    json::ObjectReader in(value, "");
    in.integer("pack", k_manifest, k_manifest);
    head_.files = in.integer("files", 0, wire::k_max_integer);
    head_.bytes = in.integer("bytes", 0, wire::k_max_integer);
    if (const json::Array* blobs = in.array("blobs")) {
        if (static_cast<std::int64_t>(blobs->size()) > limits_.blobs)
            return error(Code::too_large, "archive_quota", "an archive of too many blobs");
        for (std::size_t i = 0; i < blobs->size(); ++i) {
            auto blob = blob_from_json((*blobs)[i], in.pointer("blobs", i));
            if (!blob) return corrupt("the manifest is damaged: " + blob.error().message);
            head_.blobs.push_back(std::move(*blob));
        }
    }
    SLUICE_CHECK(checked(in));
    if (head_.files > limits_.entries)
        return error(Code::too_large, "archive_quota",
                     fmt::format("{} files, at most {}", head_.files, limits_.entries));
    if (head_.bytes > limits_.bytes)
        return error(Code::too_large, "archive_quota",
                     fmt::format("{} bytes, at most {}", head_.bytes, limits_.bytes));
    std::int64_t stored = 0, bytes = 0;
    for (const Blob& blob : head_.blobs) {
        stored += blob.stored;
        bytes += blob.bytes;
        if (bytes > limits_.bytes)
            return error(Code::too_large, "archive_quota",
                         fmt::format("more than {} bytes", limits_.bytes));
    }
    if (bytes > limits_.free_bytes && bytes / limits_.ratio > stored)
        return error(Code::too_large, "archive_quota",
                     fmt::format("{} stored bytes unpack to {}: more than 1 to {}", stored, bytes,
                                 limits_.ratio));
    return {};
}

Result<PackEntry> ManifestReader::entry(std::string_view line) {
    SLUICE_TRY(const json::Value value, parse_line(line, k_line_max));
    json::ObjectReader in(value, "");
    PackEntry out;
    out.path = in.string("path", k_line_max);
    const bool dir = in.boolean_or("dir", false);
    const bool link = in.find("to") != nullptr;
    if (dir && link)
        return error(Code::invalid, "archive_type",
                     fmt::format("\"{}\" is two things at once", shown(out.path)));
    out.type = dir ? PackEntry::Type::dir : link ? PackEntry::Type::link : PackEntry::Type::file;
    if (link) out.to = in.string("to", k_line_max);
    if (out.type == PackEntry::Type::file) {
        out.size = in.integer("size", 0, limits_.bytes);
        out.executable = in.boolean_or("x", false);
        const auto blobs = static_cast<std::int64_t>(head_.blobs.size());
        out.blob = in.integer_or("blob", 0, 0, std::max<std::int64_t>(blobs - 1, 0));
        out.at = in.integer_or("at", 0, 0, limits_.bytes);
    }
    // Devices, FIFOs, modes, owners and times have no word here (T5, T6): an entry with one more
    // member is refused.
    if (Result<> done = in.finish_strict(); !done) {
        if (done.error().id == "unknown_field")
            return error(Code::invalid, "archive_type",
                         fmt::format("\"{}\": {}", shown(out.path), done.error().message));
        return corrupt("the manifest is damaged: " + done.error().message);
    }
    SLUICE_CHECK(check_pack_path(out.path));
    if (link) SLUICE_CHECK(check_pack_link(out.path, out.to));
    SLUICE_CHECK(weigh(out));
    SLUICE_CHECK(follow(out));
    return out;
}

Result<> ManifestReader::weigh(const PackEntry& entry) {
    if (++entries_ > head_.files)
        return corrupt(fmt::format("the manifest has more than its {} entries", head_.files));
    if (entry.size == 0) return {};
    if (head_.blobs.empty()) return corrupt("a file without a blob");
    const Blob& blob = head_.blobs[static_cast<std::size_t>(entry.blob)];
    if (entry.at > blob.bytes || entry.size > blob.bytes - entry.at)
        return corrupt(fmt::format("\"{}\" lies beyond its blob", shown(entry.path)));
    bytes_ += entry.size;
    if (bytes_ > head_.bytes)
        return error(Code::too_large, "archive_quota",
                     fmt::format("more than the {} bytes that it promised", head_.bytes));
    return {};
}

Result<> ManifestReader::follow(const PackEntry& entry) {
    const auto twice = [&](const char* why) {
        return error(Code::invalid, "archive_duplicate",
                     fmt::format("\"{}\": {}", shown(entry.path), why));
    };
    if (entry.path == last_) return twice("a path stands twice");
    if (entry.path < last_) return corrupt("the manifest is not in order");
    if (!names_.insert(hash_of(entry.path, true)).second)
        return twice("two paths differ by the case of their letters only");
    for (std::size_t slash = entry.path.find('/'); slash != std::string::npos;
         slash = entry.path.find('/', slash + 1)) {
        const auto parent = hash_of(std::string_view(entry.path).substr(0, slash), false);
        if (links_.contains(parent))
            return error(Code::invalid, "archive_link",
                         fmt::format("\"{}\" leads through a link", shown(entry.path)));
        if (files_.contains(parent)) return twice("a file and a folder have the same path");
    }
    if (entry.type == PackEntry::Type::link) links_.insert(hash_of(entry.path, false));
    if (entry.type == PackEntry::Type::file) files_.insert(hash_of(entry.path, false));
    last_ = entry.path;
    return {};
}

Result<> ManifestReader::finish() const {
    if (entries_ != head_.files || bytes_ != head_.bytes)
        return corrupt(
            fmt::format("the manifest ends early: {} of {} entries", entries_, head_.files));
    return {};
}

json::Value to_json(const Blob& blob) {
    return json::Object{
        {"sha256", wire::text(blob.sha256)}, {"stored", blob.stored}, {"bytes", blob.bytes}};
}

Result<Blob> blob_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    Blob out;
    out.sha256 = in.string("sha256", 64);
    if (!is_blob_digest(out.sha256)) in.fail("sha256", "64 hex digits are required");
    out.stored = in.integer("stored", 0, k_blob_max);
    out.bytes = in.integer("bytes", 0, k_blob_max);
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value to_json(const PackRef& pack) {
    json::Array blobs;
    for (const Blob& blob : pack.blobs) blobs.push_back(to_json(blob));
    json::Object out{{"kind", wire::text_of(pack.kind)},
                     {"name", wire::text(pack.name)},
                     {"manifest", to_json(pack.manifest)},
                     {"files", pack.files},
                     {"bytes", pack.bytes},
                     {"blobs", std::move(blobs)}};
    if (pack.single) out["single"] = true;
    return out;
}

Result<PackRef> pack_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    PackRef out;
    out.kind = wire::enum_required<PackKind>(in, "kind");
    out.name = in.string("name", 4096);
    if (const json::Value* manifest = in.find("manifest")) {
        SLUICE_TRY(out.manifest, blob_from_json(*manifest, in.pointer("manifest")));
    } else {
        in.fail("manifest", "an object is required");
    }
    out.files = in.integer("files", 0, wire::k_max_integer);
    out.bytes = in.integer("bytes", 0, wire::k_max_integer);
    SLUICE_TRY(out.blobs, wire::list<Blob>(in, "blobs", 100'000, blob_from_json));
    out.single = in.boolean_or("single", false);
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value to_json(const InputReply& value) {
    json::Array packs;
    for (const InputPack& one : value.packs)
        packs.push_back(
            json::Object{{"folder", wire::text(one.folder)}, {"pack", to_json(one.pack)}});
    return json::Object{{"from", wire::text(value.from)}, {"packs", std::move(packs)}};
}

Result<InputReply> parse_input(const json::Value& value) {
    json::ObjectReader in(value, "");
    InputReply out;
    out.from = in.string_or("from", "", 4096);
    const auto one = [](const json::Value& item, std::string pointer) -> Result<InputPack> {
        json::ObjectReader inner(item, std::move(pointer));
        InputPack pack;
        pack.folder = inner.string_or("folder", "", 4096);
        if (const json::Value* content = inner.find("pack")) {
            SLUICE_TRY(pack.pack, pack_from_json(*content, inner.pointer("pack")));
        } else {
            inner.fail("pack", "an object is required");
        }
        SLUICE_CHECK(inner.finish_strict());
        return pack;
    };
    SLUICE_TRY(out.packs, wire::list<InputPack>(in, "packs", 10'000, one));
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value to_json(const CacheRequest& value) {
    return json::Object{{"key", wire::text(value.key)}, {"restore", wire::strings(value.restore)}};
}

Result<CacheRequest> parse_cache(const json::Value& value) {
    json::ObjectReader in(value, "");
    CacheRequest out{in.string("key", 4096), in.strings_or_empty("restore", 100)};
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value to_json(const CacheReply& value) {
    json::Object out{{"pack", value.pack}};
    if (value.pack == 0) return out;
    out["key"] = wire::text(value.key);
    out["exact"] = value.exact;
    out["from"] = wire::text(value.from);
    out["content"] = to_json(value.content);
    return out;
}

Result<CacheReply> parse_cache_reply(const json::Value& value) {
    json::ObjectReader in(value, "");
    CacheReply out;
    out.pack = in.integer("pack", 0, wire::k_max_integer);
    out.key = in.string_or("key", "", 4096);
    out.exact = in.boolean_or("exact", false);
    out.from = in.string_or("from", "", 4096);
    if (const json::Value* content = in.find("content")) {
        SLUICE_TRY(out.content, pack_from_json(*content, in.pointer("content")));
    }
    SLUICE_CHECK(in.finish_strict());
    return out;
}

}  // namespace sluice::protocol
