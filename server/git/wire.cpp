#include "server/git/wire.hpp"

#include "pipelines/base/json.hpp"

namespace sluice::git::wire {
namespace {

constexpr json::Limits k_limits{.bytes = k_max_json_bytes, .depth = 16};

void put_u32(std::string& out, std::size_t value) {
    for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>((value >> shift) & 0xff);
}

std::uint32_t get_u32(const char* bytes) {
    std::uint32_t value = 0;
    for (int i = 3; i >= 0; --i) value = (value << 8) | static_cast<unsigned char>(bytes[i]);
    return value;
}

std::string frame(const json::Value& value, std::string_view raw = {}) {
    const std::string text = json::serialize(value);
    std::string out;
    out.reserve(k_header_bytes + text.size() + raw.size());
    put_u32(out, text.size());
    put_u32(out, raw.size());
    out += text;
    out += raw;
    return out;
}

Error damaged(std::string what) {
    return error(Code::internal, "git_worker_died",
                 "a git worker's frame is damaged: " + std::move(what));
}

json::Array texts(const auto& values) {
    json::Array out;
    for (const auto& value : values) out.emplace_back(std::string(value));
    return out;
}

Error decode_error(json::ObjectReader& reader) {
    Error out;
    auto code = static_cast<int>(reader.integer("code", 0, static_cast<int>(Code::internal)));
    out.code = static_cast<Code>(code);
    out.id = reader.string("error");
    out.message = reader.string_or("message", "");
    out.where = reader.string_or("where", "");
    return out;
}

json::Array put_files(const std::vector<plan::SourceFile>& files, std::string& raw) {
    json::Array out;
    for (const plan::SourceFile& file : files) {
        json::Object entry{{"path_bytes", file.path.size()}, {"bytes", file.text.size()}};
        if (!file.problem.empty()) entry["problem"] = file.problem;
        out.push_back(std::move(entry));
        raw += file.path;
        raw += file.text;
    }
    return out;
}

/// Takes `size` bytes off the front of `raw`.
std::optional<std::string> take(std::string_view& raw, std::int64_t size) {
    if (size < 0 || static_cast<std::uint64_t>(size) > raw.size()) return std::nullopt;
    std::string out(raw.substr(0, static_cast<std::size_t>(size)));
    raw.remove_prefix(out.size());
    return out;
}

}  // namespace

std::optional<Sizes> parse_header(const std::array<char, k_header_bytes>& header) {
    Sizes sizes{get_u32(header.data()), get_u32(header.data() + 4)};
    if (sizes.json > k_max_json_bytes || sizes.raw > k_max_raw_bytes) return std::nullopt;
    return sizes;
}

std::string encode(const Setup& setup) {
    return frame(json::Object{{"local_roots", texts(setup.local_roots)},
                              {"allowed_hosts", texts(setup.allowed_hosts)},
                              {"ssh_key", setup.ssh_key.string()},
                              {"pack_cache_bytes", setup.pack_cache_bytes},
                              {"deadline_ms", setup.deadline_ms}});
}

Result<Setup> decode_setup(std::string_view text) {
    SLUICE_TRY(auto value, json::parse(text, k_limits));
    json::ObjectReader reader(value, "");
    Setup setup;
    for (std::string& root : reader.strings_or_empty("local_roots"))
        setup.local_roots.emplace_back(std::move(root));
    setup.allowed_hosts = reader.strings_or_empty("allowed_hosts");
    setup.ssh_key = reader.string("ssh_key");
    setup.pack_cache_bytes =
        static_cast<std::uint64_t>(reader.integer("pack_cache_bytes", 0, INT64_MAX));
    setup.deadline_ms = reader.integer("deadline_ms", 1, INT64_MAX);
    SLUICE_CHECK(reader.finish());
    return setup;
}

std::string encode(const Request& request) {
    return frame(json::Object{{"op", to_text(request.op)},
                              {"path", request.path},
                              {"url", request.url},
                              {"username", request.username},
                              {"password", request.password},
                              {"sha", request.sha},
                              {"base", request.base},
                              {"use_merge_base", request.use_merge_base},
                              {"fallback_branch", request.fallback_branch},
                              {"ref", request.ref},
                              {"refresh", request.refresh},
                              {"pack", request.pack},
                              {"have", texts(request.have)},
                              {"history", request.history},
                              {"branches", texts(request.branches)},
                              {"file", request.file},
                              {"cached_only", request.cached_only},
                              {"tree", request.tree}});
}

Result<Request> decode_request(std::string_view text) {
    SLUICE_TRY(auto value, json::parse(text, k_limits));
    json::ObjectReader reader(value, "");
    auto op = parse_enum<Op>(reader.string("op"));
    if (!op) return damaged("unknown op");
    Request request;
    request.op = *op;
    request.path = reader.string("path");
    request.url = reader.string("url");
    request.username = reader.string("username");
    request.password = reader.string("password");
    request.sha = reader.string("sha");
    request.base = reader.string("base");
    request.use_merge_base = reader.boolean_or("use_merge_base", false);
    request.fallback_branch = reader.string_or("fallback_branch", "");
    request.ref = reader.string("ref");
    request.refresh = reader.boolean_or("refresh", false);
    request.pack = reader.string("pack");
    request.have = reader.strings_or_empty("have");
    request.history = reader.boolean_or("history", false);
    request.branches = reader.strings_or_empty("branches");
    request.file = reader.string_or("file", "", 4096);
    request.cached_only = reader.boolean_or("cached_only", false);
    request.tree = reader.boolean_or("tree", false);
    SLUICE_CHECK(reader.finish());
    return request;
}

std::string encode(const Reply& reply) {
    if (!reply) {
        const Error& e = reply.error();
        return frame(json::Object{{"error", e.id},
                                  {"code", static_cast<int>(e.code)},
                                  {"message", e.message},
                                  {"where", e.where}});
    }
    std::string raw;
    json::Array files = put_files(reply->files, raw);
    json::Array fragments = put_files(reply->fragments, raw);
    json::Object out{{"sha", reply->sha},
                     {"files", std::move(files)},
                     {"fragments", std::move(fragments)},
                     {"message", reply->message},
                     {"author", reply->author}};
    if (!reply->base.empty()) out["base"] = reply->base;
    if (!reply->changes.empty()) {
        out["changes_bytes"] = reply->changes.size();
        raw += reply->changes;
    }
    if (reply->changed_paths) {
        out["changed"] = reply->changed_paths->size();
        for (const std::string& path : *reply->changed_paths) {
            raw += path;
            raw += '\0';
        }
    }
    if (reply->tree) {
        out["tree"] = reply->tree->size();
        for (const auto& file : *reply->tree) {
            raw += file.digest;
            raw += ' ';
            raw += file.path;
            raw += '\0';
        }
    }
    return frame(out, raw);
}

Reply decode_reply(std::string_view text, std::string_view raw) {
    SLUICE_TRY(auto value, json::parse(text, k_limits));
    json::ObjectReader reader(value, "");
    if (reader.find("error")) {
        Error refused = decode_error(reader);
        SLUICE_CHECK(reader.finish());
        return refused;
    }
    Snapshot out;
    out.sha = reader.string("sha");
    out.message = reader.string("message", 1 << 20);
    out.author = reader.string("author");
    for (auto [name, files] : {std::pair{"files", &out.files}, {"fragments", &out.fragments}}) {
        const json::Array* list = reader.array(name);
        for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
            json::ObjectReader entry((*list)[i], reader.pointer(name, i));
            auto path = take(raw, entry.integer("path_bytes", 0, INT64_MAX));
            auto body = path ? take(raw, entry.integer("bytes", 0, INT64_MAX)) : std::nullopt;
            if (!body) return damaged("a file is cut");
            files->push_back(
                {std::move(*path), std::move(*body), entry.string_or("problem", "", 4096)});
        }
    }
    out.base = reader.string_or("base", "");
    if (reader.find("changes_bytes")) {
        auto changes = take(raw, reader.integer("changes_bytes", 0, INT64_MAX));
        if (!changes) return damaged("the changes are cut");
        out.changes = std::move(*changes);
    }
    if (reader.find("changed")) {
        const std::int64_t count = reader.integer("changed", 0, INT64_MAX);
        out.changed_paths.emplace();
        for (std::int64_t i = 0; i < count; ++i) {
            const std::size_t end = raw.find('\0');
            if (end == std::string_view::npos) return damaged("a path is cut");
            out.changed_paths->emplace_back(raw.substr(0, end));
            raw.remove_prefix(end + 1);
        }
    }
    if (reader.find("tree")) {
        const std::int64_t count = reader.integer("tree", 0, INT64_MAX);
        out.tree.emplace();
        for (std::int64_t i = 0; i < count; ++i) {
            const std::size_t space = raw.find(' '), end = raw.find('\0');
            if (end == std::string_view::npos || space > end) return damaged("a file's id is cut");
            out.tree->push_back({std::string(raw.substr(space + 1, end - space - 1)),
                                 std::string(raw.substr(0, space))});
            raw.remove_prefix(end + 1);
        }
    }
    SLUICE_CHECK(reader.finish());
    return out;
}

}  // namespace sluice::git::wire
