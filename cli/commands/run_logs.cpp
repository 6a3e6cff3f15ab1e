// run logs: a job's log, or those of a run one after the other; -f follows and survives a server
// restart.
#include "cli/commands/commands.hpp"
#include "cli/job_place.hpp"
#include "cli/json_view.hpp"
#include "cli/term/log_filter.hpp"
#include "cli/term/text.hpp"
#include "cli/usage.hpp"
#include "pipelines/model/job_state.hpp"

#include <fmt/format.h>

#include <set>
#include <thread>

namespace sluice::cli {
namespace {

constexpr std::chrono::milliseconds k_poll{500};
/// How long a followed log waits for a server that does not answer.
constexpr std::chrono::seconds k_outage{120};

struct LogOptions {
    std::int64_t run = 0;
    std::string job_key;
    std::int64_t job = 0;
    bool follow = false;
};

bool has_ended(const std::string& state) {
    auto parsed = parse_enum<model::JobState>(state);
    return !parsed || model::is_terminal(*parsed);
}

/// Log bytes to stdout: filtered for a terminal, as they are for a file or a pipe.
class LogWriter {
public:
    explicit LogWriter(const Terminal& out) : out_(out) {}
    void write(std::string_view bytes) {
        if (bytes.empty()) return;
        out_.write(out_.is_terminal() ? filter_.feed(bytes) : std::string(bytes));
        out_.flush();
        at_line_start_ = bytes.back() == '\n';
    }
    /// The next thing starts on a line of its own.
    void end_line() {
        if (!at_line_start_) out_.line();
        at_line_start_ = true;
    }

private:
    const Terminal& out_;
    LogFilter filter_;
    bool at_line_start_ = true;
};

Result<> print_log(ApiClient& server, std::int64_t job, LogWriter& writer) {
    auto reply =
        server.download(fmt::format("/api/v1/jobs/{}/log", job), {}, [&](std::string_view piece) {
            writer.write(piece);
            return true;
        });
    // A job that never started has no log, and that is no mistake of the caller.
    if (!reply && reply.error().code != Code::not_found) return reply;
    return {};
}

/// Follows until the job has ended; resumes by offset after an outage.
Result<> follow_log(Context& context, ApiClient& server, std::int64_t job, LogWriter& writer) {
    std::string offset = "0";
    bool ended = false;
    auto last_contact = context.clock.steady();
    while (!ended) {
        SseParser parser([&](const SseEvent& event) {
            last_contact = context.clock.steady();
            if (event.type == "end") {
                ended = true;
                return false;
            }
            if (event.type != "log") return true;
            auto text = json::parse(event.data, {16 << 20, 4});
            if (text && text->is_string())
                writer.write({text->get_string().data(), text->get_string().size()});
            if (!event.id.empty()) offset = event.id;
            return true;
        });
        auto reply = server.stream(fmt::format("/api/v1/jobs/{}/log/stream", job),
                                   {{"offset", offset}}, parser, offset);
        if (ended) break;
        if (reply) last_contact = context.clock.steady();
        bool give_up = !reply && (reply.error().id != k_unreachable ||
                                  context.clock.steady() - last_contact > k_outage);
        if (give_up) return reply;
        std::this_thread::sleep_for(k_poll);
    }
    return {};
}

void print_job_heading(const Terminal& out, const json::Value& job) {
    out.line(out.paint(Colour::bold, "=== " + printable(text_of(job, "key"))) + "  " +
             out.paint_state(text_of(job, "state")));
}

Result<Exit> one_job(Context& context, std::int64_t id, bool follow) {
    SLUICE_TRY(auto* server, context.api());
    LogWriter writer(context.out);
    if (follow)
        SLUICE_CHECK(follow_log(context, *server, id, writer));
    else
        SLUICE_CHECK(print_log(*server, id, writer));
    return Exit::ok;
}

/// All jobs, in the order in which they start.
Result<Exit> whole_run(Context& context, std::int64_t run, bool follow) {
    SLUICE_TRY(auto* server, context.api());
    LogWriter writer(context.out);
    std::set<std::int64_t> done;
    for (;;) {
        SLUICE_TRY(auto detail, server->get(fmt::format("/api/v1/runs/{}", run)));
        bool printed = false;
        for (const auto& job : items_of(detail, "jobs")) {
            auto id = number_of(job, "id").value_or(0);
            std::string state = text_of(job, "state");
            bool has_log = number_of(job, "log_size").value_or(0) > 0 || state == "running";
            if (done.contains(id) || !has_log) continue;
            done.insert(id);
            printed = true;
            print_job_heading(context.out, job);
            if (follow && !has_ended(state))
                SLUICE_CHECK(follow_log(context, *server, id, writer));
            else
                SLUICE_CHECK(print_log(*server, id, writer));
            writer.end_line();
            // States have moved meanwhile: look again before choosing the next.
            if (follow) break;
        }
        bool active = text_of(member(detail, "run"), "state") == "active";
        if (!printed && (!follow || !active)) return Exit::ok;
        if (!printed) std::this_thread::sleep_for(k_poll);
        if (!follow) return Exit::ok;
    }
}

Result<Exit> logs(Context& context, const LogOptions& options) {
    if (options.job != 0) return one_job(context, options.job, options.follow);
    if (options.run == 0)
        return usage_error("say which log: sluice run logs RUN [JOB], or --job ID");
    if (options.job_key.empty()) return whole_run(context, options.run, options.follow);

    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(auto detail, server->get(fmt::format("/api/v1/runs/{}", options.run)));
    SLUICE_TRY(const auto* job, job_in(detail, std::to_string(options.run), options.job_key));
    return one_job(context, number_of(*job, "id").value_or(0), options.follow);
}

}  // namespace

void add_run_logs_command(CLI::App& run, Command& chosen) {
    auto* sub = run.add_subcommand("logs", "What the jobs printed");
    auto options = std::make_shared<LogOptions>();
    sub->add_option("RUN", options->run, "Id of the run")->type_name("")->check(id_of_run());
    sub->add_option("JOB", options->job_key, "Only this job, e.g. test")->type_name("");
    sub->add_option("--job", options->job, "A job by its own id, without a run")->type_name("ID");
    sub->add_flag("-f,--follow", options->follow, "Go on until the jobs have ended");
    sub->callback([&chosen, options] {
        chosen = [options](Context& context) { return logs(context, *options); };
    });
}

}  // namespace sluice::cli
