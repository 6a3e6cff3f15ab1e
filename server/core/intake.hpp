#pragma once
/// From a delivery to a run. A delivery is durable before it is answered and handled once:
/// deduplicated, one at a time per project in order, its attempt counted before the work, so that a
/// poisonous payload can't crash-loop the server (rule 20).

#include "hooks/event.hpp"
#include "server/core/changes.hpp"
#include "server/core/projects.hpp"
#include "server/core/schedules.hpp"
#include "server/git/git_service.hpp"
#include "server/runtime/pool.hpp"
#include "server/runtime/signal.hpp"
#include "server/store/deliveries.hpp"
#include "server/store/readers.hpp"
#include "server/store/writer.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <atomic>
#include <deque>
#include <mutex>
#include <unordered_map>

namespace sluice::core {

template <class T>
using awaitable = boost::asio::awaitable<T>;

/// Coroutines run on the io executor given; planning of large files goes to the db pool.
class Intake {
public:
    struct Parts {
        boost::asio::any_io_executor executor;
        store::Writer& writer;
        store::Readers& readers;
        runtime::Pool& pool;
        git::GitService& git;
        Lifecycle& lifecycle;
        ProjectDirectory& projects;
        PullRequests& pull_requests;
        Schedules& schedules;
        const Clock& clock;
    };
    explicit Intake(Parts parts) : parts_(std::move(parts)) {}
    /// Where people see runs, for `run.url`; called once, before the first run.
    void set_public_url(std::string url) { public_url_ = std::move(url); }

    struct Receipt {
        DeliveryId delivery;
        std::string outcome;  ///< accepted, duplicate or ignored
        std::string reason;   ///< for ignored
    };
    /// Records a verified delivery; returns once it is on disk. Its runs are made afterwards.
    awaitable<Result<Receipt>> receive(store::Project project, const std::string& source,
                                       const hooks::Forge& forge, hooks::RawDelivery raw);
    /// Goes on with deliveries that an earlier process left (called once at start).
    void recover();

    struct ManualRun {
        std::string branch, sha;                    ///< both "" = the default branch
        std::map<std::string, std::string> params;  ///< as text
    };
    /// A person's run of a branch tip or of a commit. Errors: `ref_not_found`, `commit_gone`,
    /// `not_triggered`, `bad_params` (the message has every complaint) …
    awaitable<Result<RunId>> start_manual(store::Project project, ManualRun wanted,
                                          std::string actor);
    /// What a person may choose for a run of the branch's tip.
    struct Choices {
        std::string sha;
        bool manual = false;  ///< some file is for the event
        std::vector<plan::Param> params;
    };
    awaitable<Result<Choices>> choices(store::Project project, std::string branch);
    /// The run of a schedule's tick, which is fired in the same transaction; a tick without an id
    /// is stored then. `unavailable` errors may pass, others end the tick. `not_triggered`: the
    /// branch has no such schedule.
    awaitable<Result<RunId>> start_tick(store::Project project, Schedules::Due due);
    /// Reads the schedules of the default branch's tip meanwhile: for a new project, whose pushes
    /// came before. A repository that cannot be read yet tells its schedules by its next push.
    void read_schedules(store::Project project);
    struct Retry {
        bool everything = false;  ///< nothing is carried over
        Duration keep{0};         ///< the place of a job that fails, for a person's shell
        std::string actor;
    };
    /// A new run of the same event and commit. `keep` is refused for what comes from a fork.
    awaitable<Result<RunId>> retry(RunId run, Retry wanted);

private:
    /// What became of one event.
    struct Handled {
        RunId run;
        std::string note;  ///< why there is no run
    };
    struct Prepared {
        std::optional<NewRun> run;  ///< absent: nothing was triggered
        std::string note;
        /// Why a delivered event needs no run: an open pull request's run stands for it.
        std::string covered;
        std::vector<std::string> bad_params;  ///< complaints about the event's params
        /// `on.schedule` of the commit, where its files can be read.
        std::optional<std::vector<schedule::Schedule>> schedules;
    };
    /// What git and the planner say of a delivery's only event, fetched while the delivery is being
    /// made durable.
    struct Prefetch {
        std::atomic<bool> done{false};
        std::optional<Result<Prepared>> prepared;  ///< set before done
        runtime::Signal ended;
    };
    /// `ceiling`: the run is trusted no further, whatever its event says. `attempt` counts a
    /// person's retries of the event, from 1.
    awaitable<Result<Prepared>> prepare(store::Project project, model::Event event, std::string ref,
                                        model::Tier ceiling = model::Tier::t3, int attempt = 1);
    awaitable<Result<>> schedules_of_tip(store::Project project);
    /// What is wrong for good becomes a run that says so, where people look; never silence.
    static Result<Prepared> told(const store::Project& project, const model::Event& event,
                                 const Error& failure);
    awaitable<void> work(ProjectId project);
    awaitable<Result<Handled>> handle_event(store::Project project, hooks::DecodedEvent event,
                                            DeliveryId delivery, bool last,
                                            std::shared_ptr<Prefetch> prefetched);
    std::shared_ptr<Prefetch> prefetch(const store::Project& project,
                                       const std::vector<hooks::DecodedEvent>& events);
    void enqueue(ProjectId project, DeliveryId delivery,
                 std::optional<std::vector<hooks::DecodedEvent>> events,
                 std::shared_ptr<Prefetch> prefetched);

    Parts parts_;
    std::string public_url_;
    std::mutex mutex_;
    struct Item {
        DeliveryId delivery;
        std::optional<std::vector<hooks::DecodedEvent>>
            events;                            ///< known already; else read from the store
        std::shared_ptr<Prefetch> prefetched;  ///< may be null
    };
    struct Queue {
        std::deque<Item> items;
        bool busy = false;
    };
    std::unordered_map<ProjectId, Queue> queues_;
};

}  // namespace sluice::core
