#include "server/core/shells.hpp"

#include "platform/log.hpp"
#include "server/store/events.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fmt/format.h>

namespace sluice::core {

namespace {

using store::ShellState;

constexpr Duration k_poll_max{25'000};
/// A person's or a runner's end that was not heard of for so long is gone.
constexpr Duration k_silence_max{60'000};
constexpr Duration k_request_life{15 * 60'000};
/// How long what a shell printed last can be read.
constexpr Duration k_ended_life{60'000};
/// One long poll for room.
constexpr Duration k_room_wait{10'000};

Error over(const store::Shell& shell) {
    return error(Code::gone, "shell_over",
                 "the shell is over" + (shell.ending.empty() ? "" : ": " + shell.ending));
}

Error unknown() {
    return error(Code::gone, "shell_over", "the shell is over");
}

void audit(store::Tx& tx, Timestamp at, const store::Shell& shell, std::string_view actor,
           std::string_view action) {
    std::string detail = fmt::format("shell={} attempt={} agent={} opened_by={}", shell.id.value,
                                     shell.attempt.value, shell.agent, shell.opened_by);
    if (shell.ended_at && shell.opened_at)
        detail += fmt::format(" duration_ms={}", *shell.ended_at - *shell.opened_at);
    if (shell.exit_code) detail += fmt::format(" exit_code={}", *shell.exit_code);
    if (!shell.ending.empty()) detail += fmt::format(" ending=\"{}\"", shell.ending);
    store::insert_audit(tx, at, actor, action,
                        fmt::format("{}:{}/{}", shell.project, shell.run.value, shell.job_key),
                        detail);
}

}  // namespace

void Shells::end_all(store::Tx& tx, Timestamp now) {
    for (store::Shell& shell : store::live_shells(tx)) {
        shell.state = ShellState::ended;
        shell.ended_at = now.ms;
        shell.ending = "the server was restarted";
        store::update_shell(tx, shell);
        audit(tx, now, shell, "server", "shell.end");
    }
}

void Shells::wake_all() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify();
}

Shells::awaitable<void> Shells::run() {
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
    while (true) {
        timer.expires_after(std::chrono::seconds(1));
        co_await timer.async_wait(boost::asio::use_awaitable);
        const auto ended = sweep();
        for (const auto& shell : ended) {
            std::optional<store::Shell> row = shell;
            co_await finish(std::move(row));
        }
    }
}

std::vector<store::Shell> Shells::sweep() {
    std::vector<store::Shell> ended;
    std::lock_guard lock(mutex_);
    const auto now = clock_.steady();
    std::erase_if(kept_, [&](const auto& entry) {
        return now - entry.second.seen > k_silence_max || now > entry.second.until;
    });
    std::erase_if(shells_, [&](const auto& entry) {
        return entry.second.row.state == ShellState::ended &&
               now - entry.second.ended_at > k_ended_life;
    });
    for (auto& [id, shell] : shells_) {
        std::string why;
        switch (shell.row.state) {
            case ShellState::ended: continue;
            case ShellState::requested:
                if (clock_.now().ms - shell.row.asked_at.ms > k_request_life.count())
                    why = "no admin let it through within " + format_duration(k_request_life);
                break;
            case ShellState::waiting:
            case ShellState::open:
                if (now - shell.runner_at > k_silence_max) why = "its runner does not answer";
                break;
        }
        if (now - shell.person_at > k_silence_max) why = "the person's end was lost";
        if (why.empty()) continue;
        if (auto row = end(shell, std::nullopt, why)) ended.push_back(std::move(*row));
    }
    if (!ended.empty()) changed_.notify();
    return ended;
}

Shells::Live* Shells::live(store::ShellId id) {
    auto found = shells_.find(id);
    return found == shells_.end() ? nullptr : &found->second;
}

Shells::Live* Shells::shell_of(AttemptId attempt) {
    for (auto& [id, shell] : shells_)
        if (shell.row.attempt == attempt && shell.row.state != ShellState::ended) return &shell;
    return nullptr;
}

std::optional<store::Shell> Shells::end(Live& shell, std::optional<int> exit_code,
                                        std::string why) {
    if (shell.row.state == ShellState::ended) return std::nullopt;
    shell.row.state = ShellState::ended;
    shell.row.ended_at = clock_.now().ms;
    if (exit_code) shell.row.exit_code = *exit_code;
    shell.row.ending = std::move(why);
    shell.ended_at = clock_.steady();
    return shell.row;
}

Shells::awaitable<Result<>> Shells::record(store::Shell row, std::string actor,
                                           std::string action) {
    auto keep = [this, row = std::move(row), actor = std::move(actor),
                 action = std::move(action)](store::Tx& tx) -> Result<> {
        store::update_shell(tx, row);
        const auto known = store::find_shell(tx, row.id);
        audit(tx, clock_.now(), known.value_or(row), actor, action);
        return {};
    };
    co_return co_await writer_.write(std::move(keep));
}

Shells::awaitable<void> Shells::finish(std::optional<store::Shell> ended) {
    if (!ended) co_return;
    std::string actor = ended->opened_by, action = "shell.end";
    auto done = co_await record(*ended, std::move(actor), std::move(action));
    if (!done)
        log::error("the end of a shell was not written down shell={} error=\"{}\"", ended->id.value,
                   done.error().message);
    {
        std::lock_guard lock(mutex_);
        if (Live* shell = live(ended->id)) shell->written_down = true;
    }
    changed_.notify();
}

// ---- the runner's side ----

Shells::awaitable<protocol::KeptReply> Shells::wait_for_person(Keeper keeper,
                                                               protocol::KeptRequest request) {
    const auto until = clock_.steady() + std::min(request.wait, k_poll_max);
    std::optional<store::Shell> lost;
    {
        std::lock_guard lock(mutex_);
        // A runner that waits for people has no shell: the one it had is lost.
        if (Live* shell = shell_of(keeper.attempt); shell && shell->row.state == ShellState::open)
            lost = end(*shell, std::nullopt, "its runner has lost it");
        Kept& kept = kept_[keeper.job];
        if (kept.keeper.attempt < keeper.attempt) kept = {};
        if (!kept.keeper.attempt) kept.keeper = keeper;
        if (kept.keeper.attempt == keeper.attempt) kept.until = clock_.steady() + request.left;
    }
    if (lost) changed_.notify();
    co_await finish(std::move(lost));
    protocol::KeptReply reply;
    while (true) {
        const auto seen = changed_.version();
        std::optional<store::Shell> opened;
        bool done = false;
        {
            std::lock_guard lock(mutex_);
            const auto found = kept_.find(keeper.job);
            // A newer attempt of the job is kept instead.
            if (found == kept_.end() || found->second.keeper.attempt != keeper.attempt)
                reply.release = true;
            else
                reply.release = found->second.release;
            if (!reply.release) found->second.seen = clock_.steady();
            Live* shell = shell_of(keeper.attempt);
            const bool stays = request.left.count() > 0;
            if (stays && shell && shell->row.state == ShellState::waiting) {
                shell->row.state = ShellState::open;
                shell->row.opened_at = clock_.now().ms;
                shell->runner_at = clock_.steady();
                reply.shell = shell->row.id.value;
                reply.term = shell->term;
                reply.window = shell->told = shell->window;
                opened = shell->row;
            }
            done = stopping_;
        }
        if (opened) {
            changed_.notify();
            std::string actor = opened->opened_by, action = "shell.open";
            const auto written = co_await record(*opened, std::move(actor), std::move(action));
            if (!written) {
                reply.shell = 0;
                std::lock_guard lock(mutex_);
                if (Live* shell = live(opened->id))
                    (void)end(*shell, std::nullopt, "its beginning could not be written down");
            }
        }
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(until - clock_.steady());
        if (reply.release || reply.shell != 0 || done || left.count() <= 0) co_return reply;
        co_await changed_.wait(seen, left);
    }
}

Result<Shells::Live*> Shells::of_runner(AttemptId attempt, store::ShellId id) {
    Live* shell = live(id);
    if (shell == nullptr || shell->row.attempt != attempt) return unknown();
    if (shell->row.state != ShellState::open) return over(shell->row);
    shell->runner_at = clock_.steady();
    // Who serves a shell does not ask for one, and is there all the same.
    if (auto kept = kept_.find(shell->row.job);
        kept != kept_.end() && kept->second.keeper.attempt == attempt)
        kept->second.seen = clock_.steady();
    return shell;
}

Shells::awaitable<Result<protocol::ShellTaken>> Shells::printed(AttemptId attempt,
                                                                store::ShellId id,
                                                                protocol::ShellOutput piece) {
    const auto until = clock_.steady() + k_room_wait;
    protocol::ShellTaken taken;
    std::optional<store::Shell> ended;
    while (true) {
        const auto seen = changed_.version();
        bool wait = false;
        {
            std::lock_guard lock(mutex_);
            auto found = of_runner(attempt, id);
            if (!found) co_return found.error();
            Live& shell = **found;
            taken.offset = shell.printed.put(piece.offset, piece.bytes);
            const auto all = piece.offset + static_cast<std::int64_t>(piece.bytes.size());
            // The person's terminal is slow: the program waits as at any terminal.
            wait = taken.offset < all && taken.offset == piece.offset && !stopping_ &&
                   clock_.steady() < until;
            if (piece.ended && taken.offset == all) {
                ended = end(shell, piece.exit_code, piece.reason);
                wait = false;
            }
        }
        if (!wait) break;
        co_await changed_.wait(
            seen, std::chrono::duration_cast<std::chrono::milliseconds>(until - clock_.steady()));
    }
    changed_.notify();
    co_await finish(std::move(ended));
    co_return taken;
}

Shells::awaitable<Result<protocol::ShellInput>> Shells::wait_for_input(
    AttemptId attempt, store::ShellId id, protocol::InputRequest request) {
    const auto until = clock_.steady() + std::min(request.wait, k_poll_max);
    while (true) {
        const auto seen = changed_.version();
        {
            std::lock_guard lock(mutex_);
            auto found = of_runner(attempt, id);
            if (!found) co_return found.error();
            Live& shell = **found;
            const bool was_full = shell.typed.full();
            shell.typed.acknowledge(request.offset);
            if (was_full && !shell.typed.full()) changed_.notify();
            if (!shell.typed.empty() || shell.window != shell.told || stopping_ ||
                clock_.steady() >= until) {
                protocol::ShellInput input;
                input.offset = shell.typed.begin();
                input.bytes = shell.typed.front(protocol::k_shell_piece_max);
                input.window = shell.told = shell.window;
                co_return input;
            }
        }
        co_await changed_.wait(
            seen, std::chrono::duration_cast<std::chrono::milliseconds>(until - clock_.steady()));
    }
}

// ---- the person's side ----

Result<> Shells::can_ask(JobId job) const {
    const auto found = kept_.find(job);
    if (found == kept_.end() || found->second.release)
        return error(Code::not_found, "not_kept",
                     "nothing of this job is kept; `sluice run retry RUN --keep` runs it again, "
                     "and keeps its place when it fails");
    for (const auto& [id, shell] : shells_)
        if (shell.row.job == job && shell.row.state != ShellState::ended)
            return error(Code::conflict, "shell_busy",
                         shell.row.opened_by + " has a shell in this job (" +
                             std::string(to_text(shell.row.state)) + ")");
    if (found->second.busy)
        return error(Code::conflict, "shell_busy", "somebody else opens a shell in this job");
    return {};
}

Shells::awaitable<Result<store::Shell>> Shells::ask(Wanted wanted, Person person) {
    store::Shell row;
    {
        std::lock_guard lock(mutex_);
        if (auto can = can_ask(wanted.job); !can) co_return can.error();
        Kept& kept = kept_.at(wanted.job);
        kept.busy = true;
        row.attempt = kept.keeper.attempt;
        row.agent = kept.keeper.agent;
    }
    row.job = wanted.job;
    row.opened_by = person.name;
    row.state = person.admin ? ShellState::waiting : ShellState::requested;
    row.asked_at = clock_.now();
    auto insert = [this, row](store::Tx& tx) -> Result<store::Shell> {
        const auto id = store::insert_shell(tx, row);
        store::Shell known = store::find_shell(tx, id).value();
        audit(tx, clock_.now(), known, known.opened_by, "shell.request");
        return known;
    };
    auto known = co_await writer_.write(std::move(insert));
    {
        std::lock_guard lock(mutex_);
        if (auto kept = kept_.find(wanted.job); kept != kept_.end()) kept->second.busy = false;
        if (!known) co_return known.error();
        const auto now = clock_.steady();
        Live& shell = shells_[known->id];
        shell.row = *known;
        shell.token = person.token;
        shell.term = std::move(wanted.term);
        shell.window = wanted.window;
        shell.person_at = shell.runner_at = now;
    }
    changed_.notify();
    co_return *known;
}

Shells::awaitable<Result<store::Shell>> Shells::decide(store::ShellId id, std::string by,
                                                       bool approved) {
    store::Shell row;
    {
        std::lock_guard lock(mutex_);
        Live* shell = live(id);
        if (shell == nullptr)
            co_return error(Code::not_found, "not_found", "no such shell", "shell");
        if (shell->row.state != ShellState::requested)
            co_return error(Code::conflict, "not_requested",
                            "nobody has to decide about this shell: it is " +
                                std::string(to_text(shell->row.state)));
        if (std::exchange(shell->deciding, true))
            co_return error(Code::conflict, "not_requested",
                            "somebody else decides about this shell at this moment");
        shell->row.decided_by = by;
        row = shell->row;
        if (approved) {
            row.state = ShellState::waiting;
        } else {
            (void)end(*shell, std::nullopt, "refused by " + by);
            row = shell->row;
        }
    }
    std::string action = approved ? "shell.approve" : "shell.reject";
    auto done = co_await record(row, std::move(by), std::move(action));
    {
        std::lock_guard lock(mutex_);
        // Nobody comes in whose approval was not written down first.
        if (Live* shell = live(id)) {
            shell->deciding = false;
            if (done && approved && shell->row.state == ShellState::requested) {
                shell->row.state = ShellState::waiting;
                shell->runner_at = clock_.steady();
            }
        }
    }
    changed_.notify();
    if (!done) co_return done.error();
    co_return row;
}

Result<Shells::Live*> Shells::of_person(store::ShellId id, const Person& person) {
    Live* shell = live(id);
    if (shell == nullptr) return unknown();
    if (shell->token != person.token)
        return error(Code::forbidden, "forbidden",
                     "this shell is " + shell->row.opened_by + "'s; open one of your own");
    shell->person_at = clock_.steady();
    return shell;
}

Shells::awaitable<Result<Shells::News>> Shells::read(store::ShellId id, Person person,
                                                     Position at) {
    const auto until = clock_.steady() + std::min(at.wait, k_poll_max);
    while (true) {
        const auto seen = changed_.version();
        {
            std::lock_guard lock(mutex_);
            auto found = of_person(id, person);
            if (!found) co_return found.error();
            Live& shell = **found;
            const bool was_full = shell.printed.full();
            shell.printed.acknowledge(at.offset);
            if (was_full && !shell.printed.full()) changed_.notify();
            const bool ends = shell.row.state == ShellState::ended && !shell.written_down;
            const bool is_news = shell.row.state != at.seen ||
                                 shell.row.state == ShellState::ended || !shell.printed.empty();
            if ((is_news && !ends) || stopping_ || clock_.steady() >= until) {
                News news;
                news.shell = shell.row;
                news.offset = shell.printed.begin();
                news.bytes = shell.printed.front(protocol::k_shell_piece_max);
                co_return news;
            }
        }
        co_await changed_.wait(
            seen, std::chrono::duration_cast<std::chrono::milliseconds>(until - clock_.steady()));
    }
}

Shells::awaitable<Result<std::int64_t>> Shells::type(store::ShellId id, Person person,
                                                     Typed typed) {
    const auto until = clock_.steady() + k_room_wait;
    std::int64_t taken = 0;
    while (true) {
        const auto seen = changed_.version();
        {
            std::lock_guard lock(mutex_);
            auto found = of_person(id, person);
            if (!found) co_return found.error();
            Live& shell = **found;
            if (shell.row.state == ShellState::ended) co_return over(shell.row);
            if (typed.window) shell.window = *typed.window;
            taken = shell.typed.put(typed.offset, typed.bytes);
            const bool some = typed.bytes.empty() || taken != typed.offset;
            if (some || stopping_ || clock_.steady() >= until) break;
        }
        co_await changed_.wait(
            seen, std::chrono::duration_cast<std::chrono::milliseconds>(until - clock_.steady()));
    }
    changed_.notify();
    co_return taken;
}

Shells::awaitable<Result<>> Shells::close(store::ShellId id, Person person) {
    std::optional<store::Shell> ended;
    {
        std::lock_guard lock(mutex_);
        Live* shell = live(id);
        if (shell == nullptr) co_return Result<>{};
        if (shell->token != person.token && !person.admin)
            co_return error(Code::forbidden, "forbidden",
                            "this shell is " + shell->row.opened_by + "'s");
        ended = end(*shell, std::nullopt, "ended by " + person.name);
    }
    changed_.notify();
    co_await finish(std::move(ended));
    co_return Result<>{};
}

Shells::awaitable<bool> Shells::release(JobId job, Person person) {
    std::optional<store::Shell> ended;
    {
        std::lock_guard lock(mutex_);
        auto found = kept_.find(job);
        if (found == kept_.end()) co_return false;
        found->second.release = true;
        if (Live* shell = shell_of(found->second.keeper.attempt))
            ended = end(*shell, std::nullopt, "its place was given up by " + person.name);
    }
    changed_.notify();
    co_await finish(std::move(ended));
    co_return true;
}

std::optional<Duration> Shells::kept_for(JobId job) const {
    std::lock_guard lock(mutex_);
    const auto found = kept_.find(job);
    if (found == kept_.end() || found->second.release) return std::nullopt;
    return std::max(Duration{0},
                    std::chrono::duration_cast<Duration>(found->second.until - clock_.steady()));
}

}  // namespace sluice::core
