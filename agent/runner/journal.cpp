#include "agent/runner/journal.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace sluice::agent {

namespace {
constexpr std::size_t k_journal_max = 256 << 20;
}

Result<Journal> Journal::open(const files::Path& path) {
    SLUICE_TRY(files::Fd fd, files::open(path, O_WRONLY | O_CREAT | O_APPEND, 0600));
    return Journal(std::move(fd));
}

Result<> Journal::append(const json::Object& line) {
    std::string text = json::serialize(line) + "\n";
    std::string_view rest = text;
    while (!rest.empty()) {
        ssize_t n = ::write(fd_.get(), rest.data(), rest.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return files::errno_error(errno, "write the journal");
        rest.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
}

Result<> Journal::starting(const std::string& instance) {
    return append({{"at", "starting"}, {"instance", instance}});
}
Result<> Journal::started() {
    return append({{"at", "started"}});
}
Result<> Journal::intent(std::string_view executor, const std::string& name) {
    return append(
        {{"at", "intent"},
         {"executor", json::Value(boost::json::string_view(executor.data(), executor.size()))},
         {"name", name}});
}
Result<> Journal::outcome(const protocol::FinishRequest& request) {
    protocol::FinishRequest kept = request;
    kept.inline_log.clear();
    kept.inline_log_offset.reset();
    return append({{"at", "outcome"}, {"finish", to_json(kept)}});
}
Result<> Journal::finished(std::string_view how) {
    return append({{"at", "finished"}, {"how", how}});
}

Result<> Journal::sync() {
    if (::fdatasync(fd_.get()) != 0) return files::errno_error(errno, "sync the journal");
    return {};
}

Result<JournalState> Journal::read(const files::Path& path) {
    JournalState state;
    Result<std::string> text = files::read_file(path, k_journal_max);
    if (!text && text.error().code == Code::not_found) return state;
    if (!text) return text.error();
    std::string_view rest = *text;
    for (std::size_t end; (end = rest.find('\n')) != std::string_view::npos;
         rest.remove_prefix(end + 1)) {
        Result<json::Value> line =
            json::parse(rest.substr(0, end), {.bytes = k_journal_max, .depth = 64});
        if (!line || !line->is_object()) continue;
        json::ObjectReader reader(*line, "");
        std::string at = reader.string_or("at", "");
        state.starting |= at == "starting";
        state.started |= at == "started";
        state.finished |= at == "finished";
        if (at == "intent")
            state.intents[reader.string_or("executor", "")] = reader.string_or("name", "");
        const json::Value* finish = at == "outcome" ? reader.find("finish") : nullptr;
        if (!finish) continue;
        if (auto request = protocol::parse_finish(*finish)) state.outcome = std::move(*request);
    }
    return state;
}

}  // namespace sluice::agent
