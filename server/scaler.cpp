#include "server/scaler.hpp"

#include "pipelines/base/text.hpp"
#include "platform/log.hpp"
#include "platform/spawn.hpp"
#include "server/store/agents.hpp"
#include "server/store/jobs.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace sluice::server {

namespace {

namespace asio = boost::asio;

constexpr Duration k_look{1'000};
constexpr Duration k_patience{60'000};
constexpr Duration k_seen_within{90'000};
constexpr std::size_t k_output_kept = 400;

json::Array words(const std::string& queue_key) {
    json::Array out;
    for (const std::string& word : text::split(queue_key, ','))
        if (!word.empty()) out.push_back(boost::json::string(word));
    return out;
}

}  // namespace

json::Value Scaler::counts(store::Tx& tx) const {
    json::Array wanted, agents;
    std::int64_t jobs = 0, idle = 0;
    for (const auto& [key, count] : store::ready_counts(tx)) {
        wanted.push_back(json::Object{{"labels", words(key)}, {"jobs", count}});
        jobs += count;
    }
    for (const store::Agent& agent : store::all_agents(tx)) {
        const bool online = parts_.scheduler.online(agent.id, k_seen_within);
        const auto busy = static_cast<std::int64_t>(parts_.leases.jobs_of(agent.id).size());
        const bool takes = online && !agent.draining && !agent.paused;
        if (takes) idle += std::max<std::int64_t>(0, agent.capacity - busy);
        agents.push_back(json::Object{{"name", agent.name},
                                      {"labels", json::parse(agent.labels).value()},
                                      {"state", !online          ? "offline"
                                                : agent.draining ? "draining"
                                                : agent.paused   ? "paused"
                                                                 : "online"},
                                      {"capacity", agent.capacity},
                                      {"busy", busy}});
    }
    return json::Object{{"wanted", jobs},
                        {"idle", idle},
                        {"queues", std::move(wanted)},
                        {"agents", std::move(agents)}};
}

asio::awaitable<void> Scaler::run() {
    asio::steady_timer timer(co_await asio::this_coro::executor);
    std::string told;
    std::chrono::steady_clock::time_point told_at{};
    while (true) {
        auto look = [this] {
            return parts_.readers.read([this](store::Tx& tx) { return counts(tx); });
        };
        const json::Value now = co_await runtime::run_on(parts_.db, std::move(look));
        const std::string text = json::serialize(now);
        const auto at = std::chrono::steady_clock::now();
        if (text != told || at - told_at >= options_.interval) {
            told = text;
            told_at = at;
            auto tell = [this, text] {
                auto env = spawn::current_environment();
                env["SLUICE_URL"] = options_.url;
                return spawn::run({"/bin/sh", "-c", options_.command}, {.env = std::move(env),
                                                                        .directory = {},
                                                                        .input = text + "\n",
                                                                        .timeout = k_patience});
            };
            const auto done = co_await runtime::run_on(parts_.net, std::move(tell));
            if (!done)
                log::warn("scaler not started error=\"{}\"", done.error().message);
            else if (!done->exit.ok())
                log::warn("scaler failed end=\"{}\" output=\"{}\"", spawn::to_text(done->exit),
                          text::sanitize_utf8(done->output, k_output_kept));
        }
        timer.expires_after(k_look);
        co_await timer.async_wait(asio::use_awaitable);
    }
}

}  // namespace sluice::server
