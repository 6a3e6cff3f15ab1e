#include "agent/executors/settings.hpp"

#include "pipelines/base/json.hpp"
#include "pipelines/base/quantity.hpp"

#include <charconv>

namespace sluice::agent {

namespace {

Result<ContainerSettings> container_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader reader(value, std::move(pointer));
    ContainerSettings out;
    out.engine = reader.string_or("engine", "");
    if (!out.engine.empty() && out.engine != "podman" && out.engine != "docker" &&
        out.engine != "none")
        reader.fail("engine", "`podman`, `docker` or `none`");
    out.images = reader.strings_or_empty("images");
    out.userns = reader.string_or("userns", "");
    if (out.engine == "docker" && !out.userns.empty())
        reader.fail("userns", "podman's alone; docker's daemon has `userns-remap`");
    out.capabilities = reader.strings_or_empty("capabilities", 64);
    for (const std::string& name : out.capabilities)
        if (name.empty() ||
            name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != std::string::npos ||
            name == "ALL" || name.starts_with("SYS_"))
            reader.fail("capabilities", "a name such as CHOWN, none of SYS_* and not ALL");
    out.read_only = reader.boolean_or("read_only", false);
    out.pids = static_cast<int>(reader.integer_or("pids", out.pids, 16, 1 << 22));
    SLUICE_CHECK(reader.finish_strict());
    return out;
}

/// `off`, `auto`, or `FROM-TO`. Numbers of real users and of the system are no pool.
bool read_users(const std::string& text, std::optional<UserPool>& out) {
    constexpr std::int64_t k_first = 1000, k_last = 4'294'967'293, k_most = 100'000;
    if (text == "off") return true;
    if (text == "auto") {
        out.emplace();
        return true;
    }
    const std::size_t dash = text.find('-');
    if (dash == std::string::npos) return false;
    const auto number = [](std::string_view digits, std::int64_t& value) {
        const auto [end, failed] =
            std::from_chars(digits.data(), digits.data() + digits.size(), value);
        return failed == std::errc{} && end == digits.data() + digits.size();
    };
    std::int64_t first = 0, last = 0;
    if (!number(std::string_view(text).substr(0, dash), first) ||
        !number(std::string_view(text).substr(dash + 1), last))
        return false;
    if (first < k_first || last > k_last || last < first || last - first >= k_most) return false;
    out = UserPool{static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(last)};
    return true;
}

Result<HostSettings> host_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader reader(value, std::move(pointer));
    HostSettings out;
    out.sandbox = reader.boolean_or("sandbox", false);
    if (!read_users(reader.string_or("users", "off"), out.users))
        reader.fail("users", "`off`, `auto`, or numbers from 1000 on such as `300000-300099`");
    SLUICE_CHECK(reader.finish_strict());
    return out;
}

Result<SourceSettings> source_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader reader(value, std::move(pointer));
    SourceSettings out;
    const std::string cache = reader.string_or("cache", "");
    if (cache == "none") {
        out.cache_bytes = 0;
    } else if (!cache.empty()) {
        const Result<std::int64_t> bytes = parse_size(cache);
        if (!bytes) reader.fail("cache", "a size such as 10Gi, or `none`");
        if (bytes) out.cache_bytes = static_cast<std::uint64_t>(*bytes);
    }
    SLUICE_CHECK(reader.finish_strict());
    return out;
}

Result<ExecutorSettings> parse(const std::string& text) {
    SLUICE_TRY(json::Value value, json::parse(text));
    json::ObjectReader reader(value, "");
    ExecutorSettings out;
    if (const json::Value* container = reader.find("container")) {
        SLUICE_TRY(out.container, container_from_json(*container, reader.pointer("container")));
    }
    if (const json::Value* host = reader.find("host")) {
        SLUICE_TRY(out.host, host_from_json(*host, reader.pointer("host")));
    }
    if (const json::Value* source = reader.find("source")) {
        SLUICE_TRY(out.source, source_from_json(*source, reader.pointer("source")));
    }
    SLUICE_CHECK(reader.finish_strict());
    return out;
}

}  // namespace

Result<ExecutorSettings> load_executor_settings(const files::Path& agent_dir) {
    const files::Path file = agent_dir / "executors.json";
    Result<std::string> text = files::read_file(file, 1 << 20);
    if (!text && text.error().code != Code::not_found) return text.error();
    Result<ExecutorSettings> settings = text ? parse(*text) : ExecutorSettings{};
    if (settings) {
        settings->environments = agent_dir / "environments";
        return settings;
    }
    Error refusal = settings.error();
    refusal.message = file.string() + ": " + refusal.where + " " + refusal.message;
    return refusal;
}

}  // namespace sluice::agent
