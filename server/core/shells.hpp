#pragma once
/// Shells of people in the kept environments of failed jobs (docs/decisions/0026): who waits with
/// what, who asked, and the bytes between a person's terminal and the runner's. Bytes live in
/// memory alone; who opened what, when and for how long is written down and audited.

#include "pipelines/protocol/shell.hpp"
#include "platform/clock.hpp"
#include "server/core/byte_stream.hpp"
#include "server/runtime/signal.hpp"
#include "server/store/shells.hpp"
#include "server/store/writer.hpp"

#include <boost/asio/awaitable.hpp>

#include <map>
#include <memory>
#include <mutex>

namespace sluice::core {

/// Any thread.
class Shells {
public:
    template <class T>
    using awaitable = boost::asio::awaitable<T>;

    Shells(store::Writer& writer, const Clock& clock) : writer_(writer), clock_(clock) {}

    /// Ends what an earlier process of the server had; once, before anybody calls.
    static void end_all(store::Tx& tx, Timestamp now);
    /// Ends shells whose person or runner is gone; ticks until cancelled.
    awaitable<void> run();
    /// Wakes every long poll: the server goes down.
    void wake_all();

    // ---- the runner's side ----

    /// An ended attempt whose environment is kept.
    struct Keeper {
        AttemptId attempt;
        JobId job;
        std::string agent;
    };
    /// Long poll: returns when somebody wants a shell, or nobody wants the environment any more.
    awaitable<protocol::KeptReply> wait_for_person(Keeper keeper, protocol::KeptRequest request);
    /// Code::gone when the shell is over.
    awaitable<Result<protocol::ShellTaken>> printed(AttemptId attempt, store::ShellId id,
                                                    protocol::ShellOutput piece);
    awaitable<Result<protocol::ShellInput>> wait_for_input(AttemptId attempt, store::ShellId id,
                                                           protocol::InputRequest request);

    // ---- the person's side ----

    struct Person {
        TokenId token;
        std::string name;
        bool admin = false;
    };
    struct Wanted {
        JobId job;
        std::string term;
        protocol::WindowSize window;
    };
    /// An admin's shell waits for the runner, another person's for an admin first. Refused:
    /// `not_kept`, `shell_busy`.
    awaitable<Result<store::Shell>> ask(Wanted wanted, Person person);
    /// An admin lets a request through, or not.
    awaitable<Result<store::Shell>> decide(store::ShellId id, std::string by, bool approved);

    struct News {
        store::Shell shell;
        std::int64_t offset = 0;
        std::string bytes;
    };
    /// Long poll: what was printed from `offset` on, or a change of the shell's state. `seen` is
    /// the state that the caller knows. Refused to everybody but who asked for the shell.
    struct Position {
        std::int64_t offset = 0;
        std::optional<store::ShellState> seen;
        Duration wait{0};
    };
    awaitable<Result<News>> read(store::ShellId id, Person person, Position at);
    struct Typed {
        std::int64_t offset = 0;
        std::string bytes;
        std::optional<protocol::WindowSize> window;
    };
    /// Waits a while for room; the offset behind what was taken.
    awaitable<Result<std::int64_t>> type(store::ShellId id, Person person, Typed typed);
    /// Who asked for it, or an admin, ends it.
    awaitable<Result<>> close(store::ShellId id, Person person);

    /// Nobody wants the job's environment any more; a shell in it ends. False when none is kept.
    awaitable<bool> release(JobId job, Person person);
    /// How long it is kept from now on; nothing when it isn't.
    std::optional<Duration> kept_for(JobId job) const;

private:
    using Steady = std::chrono::steady_clock::time_point;
    struct Live {
        store::Shell row;
        TokenId token;
        std::string term;
        protocol::WindowSize window;
        protocol::WindowSize told;  ///< what the runner heard last of it
        ByteStream typed, printed;
        Steady person_at, runner_at, ended_at;
        bool deciding = false;      ///< an admin's word is being written down
        bool written_down = false;  ///< its end: nobody hears of it before the list tells it
    };
    struct Kept {
        Keeper keeper;
        Steady until, seen;
        bool release = false;
        bool busy = false;  ///< a shell is being asked for
    };

    Live* live(store::ShellId id);
    Live* shell_of(AttemptId attempt);
    Result<Live*> of_runner(AttemptId attempt, store::ShellId id);
    Result<Live*> of_person(store::ShellId id, const Person& person);
    Result<> can_ask(JobId job) const;
    awaitable<Result<>> record(store::Shell row, std::string actor, std::string action);
    /// Marks it as ended; the caller stores what is returned. Under the lock.
    std::optional<store::Shell> end(Live& shell, std::optional<int> exit_code, std::string why);
    awaitable<void> finish(std::optional<store::Shell> ended);
    std::vector<store::Shell> sweep();

    store::Writer& writer_;
    const Clock& clock_;
    runtime::Signal changed_;
    mutable std::mutex mutex_;
    std::map<JobId, Kept> kept_;
    std::map<store::ShellId, Live> shells_;
    bool stopping_ = false;
};

}  // namespace sluice::core
