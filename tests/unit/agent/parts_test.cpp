// The runner's and the daemon's parts one by one, without processes where they need none.

#include "agent/backoff.hpp"
#include "agent/daemon/claimer.hpp"
#include "agent/notify.hpp"
#include "agent/proc.hpp"
#include "agent/runner/journal.hpp"
#include "agent/runner/process_tree.hpp"
#include "agent/runner/reports.hpp"
#include "agent/runner/spool.hpp"
#include "agent/runner/step_environment.hpp"
#include "platform/crypto.hpp"
#include "platform/spawn.hpp"
#include "tests/unit/agent/fake_server.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::agent;
using namespace sluice::test;

TEST_CASE("a spool keeps size and crc, also when it is opened again", "[spool]") {
    TemporaryFolder folder;
    std::string text;
    {
        auto spool = Spool::open(folder / "spool", 0).value();
        for (int i = 0; i < 1000; ++i) {
            std::string line = "line " + std::to_string(i) + "\n";
            REQUIRE(spool->append(line).has_value());
            text += line;
        }
        CHECK(spool->size_and_crc() ==
              std::pair(static_cast<std::int64_t>(text.size()), crypto::crc32c(0, text)));
    }
    auto again = Spool::open(folder / "spool", 0).value();
    CHECK(again->size_and_crc().second == crypto::crc32c(0, text));
    std::string part(10, '\0');
    CHECK(again->read_at(5, part).value() == 10);
    CHECK(part == text.substr(5, 10));
    CHECK(again->read_at(again->size(), part).value() == 0);
}

TEST_CASE("a note begins on a line of its own", "[spool]") {
    TemporaryFolder folder;
    auto spool = Spool::open(folder / "spool", 0).value();
    REQUIRE(spool->note("first").has_value());
    REQUIRE(spool->append("no newline").has_value());
    REQUIRE(spool->note("second").has_value());
    CHECK(files::read_file(folder / "spool").value() ==
          "sluice: first\nno newline\nsluice: second\n");
}

TEST_CASE("a spool stays within its limit whatever the pieces", "[spool]") {
    for (std::size_t piece : {1UL, 7UL, 999UL, 5000UL}) {
        TemporaryFolder folder;
        auto spool = Spool::open(folder / "spool", 1000).value();
        for (int i = 0; i < 20; ++i)
            REQUIRE(spool->append(std::string(piece, 'x') + "\n").has_value());
        CHECK(spool->size() <= 1000);
        std::string text = files::read_file(folder / "spool").value();
        CHECK((text.find("truncated@") != std::string::npos) == spool->truncated());
    }
}

TEST_CASE("a full disk is refused as such and keeps what was written", "[spool]") {
    auto spool = Spool::open("/dev/full", 0);
    REQUIRE(spool.has_value());
    auto refused = (*spool)->append("x");
    REQUIRE(refused.has_error());
    CHECK(refused.error().id == "disk_full");
    CHECK((*spool)->size() == 0);
}

TEST_CASE("a journal is read back, a torn last line is ignored", "[journal]") {
    TemporaryFolder folder;
    CHECK_FALSE(Journal::read(folder / "journal").value().starting);
    {
        auto journal = Journal::open(folder / "journal").value();
        REQUIRE(journal.starting("i").has_value());
        REQUIRE(journal.started().has_value());
        protocol::FinishRequest request;
        request.runner_instance = "i";
        request.outcome.exit_code = 3;
        request.inline_log = "secretive";
        REQUIRE(journal.outcome(request).has_value());
        REQUIRE(journal.sync().has_value());
    }
    std::string text = files::read_file(folder / "journal").value();
    CHECK(text.find("secretive") == std::string::npos);
    REQUIRE(
        files::write_atomic(folder / "journal", text + "{\"at\":\"finis", 0600, false).has_value());
    auto state = Journal::read(folder / "journal").value();
    CHECK(state.starting);
    CHECK(state.started);
    CHECK_FALSE(state.finished);
    REQUIRE(state.outcome);
    CHECK(state.outcome->outcome.exit_code == 3);
}

TEST_CASE("assignments are read as the reference says", "[environment]") {
    std::vector<std::string> problems;
    auto values = parse_assignments(
        "A=1\r\n\nB=x=y\nC<<END\nline\n\nlast\nEND\nD<<END\nEND\nno "
        "assignment\n2X=1\nE=\nF<<EOF\nnever closed",
        problems);
    std::vector<std::pair<std::string, std::string>> expected{
        {"A", "1"}, {"B", "x=y"}, {"C", "line\n\nlast"}, {"D", ""}, {"E", ""}};
    CHECK(values == expected);
    CHECK(problems == std::vector<std::string>{"line 11: expected name=value or name<<END",
                                               "line 12: expected name=value or name<<END",
                                               "line 14: no closing \"EOF\""});
}

TEST_CASE("only PATH HOME LANG TZ of the agent reach a step", "[environment]") {
    auto base = base_environment(
        {{"PATH", "/p"}, {"HOME", "/h"}, {"LANG", "C"}, {"TZ", "UTC"}, {"TOKEN", "x"}});
    CHECK(base == Environment{{"PATH", "/p"}, {"HOME", "/h"}, {"LANG", "C"}, {"TZ", "UTC"}});
    CHECK(base_environment({}).at("PATH").find("/usr/bin") != std::string::npos);
}

TEST_CASE("reports outside the workspace or of other kinds of files are problems", "[reports]") {
    TemporaryFolder folder;
    files::Path workspace = folder / "workspace";
    REQUIRE(files::make_dirs(workspace / "out").has_value());
    REQUIRE(files::write_atomic(folder / "outside.xml", "<testsuite/>", 0644, false).has_value());
    REQUIRE(::symlink("../../outside.xml", (workspace / "out/link.xml").c_str()) == 0);
    REQUIRE(::mkfifo((workspace / "out/fifo.xml").c_str(), 0644) == 0);
    const auto wanted = declared_reports({{"junit", {"out/link.xml"}},
                                          {"junit", {"out/fifo.xml"}},
                                          {"junit", {"out/*.xml"}},
                                          {"junit", {"../outside.xml"}}});
    CollectOptions options;
    options.workspace = workspace;
    options.folder = folder / "reports";
    const auto reports = collect_reports(wanted, options).reports;
    CHECK_FALSE(reports.tests);
    REQUIRE(reports.problems.size() == 4);
    CHECK(reports.problems[0].find("Invalid cross-device link") != std::string::npos);
    CHECK(reports.problems[1] == "reports.junit: out/fifo.xml: not a regular file");
    CHECK(reports.problems[2] == "reports.junit: out/*.xml: no file matches");
}

TEST_CASE("a process is known by start time and boot, and found by its environment", "[proc]") {
    auto child =
        spawn::start({.argv = {"/bin/sleep", "100"}, .env = {{"MARK", "m1"}}, .directory = {}})
            .value();
    CHECK(proc::start_time(::getpid()).has_value());
    CHECK_FALSE(proc::start_time(1 << 30).has_value());
    CHECK(proc::boot_id().size() == 36);
    CHECK(eventually([&] { return proc::environment_has(child, "MARK=m1"); }));
    CHECK_FALSE(proc::environment_has(child, "MARK=m"));
    CHECK_FALSE(proc::environment_has(child, "ARK=m1"));
    files::Fd pidfd = proc::open_pid(child);
    CHECK(proc::send_signal(pidfd, SIGKILL));
    reap_children(0);
    CHECK(eventually([&] {
        reap_children(0);
        return !proc::start_time(child);
    }));
    CHECK_FALSE(proc::send_signal(pidfd, SIGKILL));
}

TEST_CASE("reaping leaves the one process to its waiter", "[proc]") {
    auto kept = spawn::start({.argv = {"/bin/true"}, .env = {}, .directory = {}}).value();
    REQUIRE(eventually([&] {
        auto stat = files::read_file("/proc/" + std::to_string(kept) + "/stat");
        return stat && stat->find(") Z ") != std::string::npos;
    }));
    reap_children(kept);
    CHECK(proc::start_time(kept).has_value());
    reap_children(0);
    CHECK_FALSE(proc::start_time(kept).has_value());
}

TEST_CASE("killing descendants ends a fork bomb and hidden orphans of a sub-reaper", "[proc]") {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    auto bomb =
        spawn::start({.argv = {"/bin/sh", "-c",
                               "f() { while true; do (setsid sleep 0.05 &) ; done; }; f & f & "
                               "env -i setsid sh -c '(sleep 1000 &) ; sleep 1000' & sleep 1000"},
                      .env = {{"PATH", "/usr/bin:/bin"}},
                      .directory = {}});
    REQUIRE(bomb.has_value());
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    KillReport report = kill_descendants("", Duration{20'000});
    CHECK(report.killed >= 5);
    CHECK(report.left == 0);
    ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

TEST_CASE("killing by marker ends a whole hidden family and nothing else", "[proc]") {
    std::string marker = crypto::random_token(8);
    auto other = spawn::start({.argv = {"/bin/sleep", "100"},
                               .env = {{"CI_ATTEMPT_MARKER", marker + "x"}},
                               .directory = {}})
                     .value();
    auto family =
        spawn::start(
            {.argv = {"/bin/sh", "-c",
                      "(setsid sleep 101 &); setsid sh -c 'sleep 102 & sleep 103' & sleep 104"},
             .env = {{"CI_ATTEMPT_MARKER", marker}, {"PATH", "/usr/bin:/bin"}},
             .directory = {}})
            .value();
    auto members = [&] {
        int count = 0;
        for (pid_t pid : proc::all_pids())
            count += proc::environment_has(pid, "CI_ATTEMPT_MARKER=" + marker);
        return count;
    };
    REQUIRE(eventually([&] { return members() >= 5; }));
    KillReport report = kill_marked(marker, Duration{10'000});
    CHECK(report.killed >= 5);
    CHECK(report.left == 0);
    CHECK(members() == 0);
    CHECK(proc::environment_has(other, "CI_ATTEMPT_MARKER=" + marker + "x"));
    ::kill(other, SIGKILL);
    CHECK(eventually([&] {
        reap_children(0);
        return !proc::start_time(other) && !proc::start_time(family);
    }));
}

TEST_CASE("a notice names its attempt; without a daemon it is lost quietly", "[notify]") {
    TemporaryFolder folder;
    files::Path deep = folder.path / std::string(100, 'd') / std::string(100, 'e');
    REQUIRE(files::make_dirs(deep).has_value());
    send_notice(deep, AttemptId{1});
    {
        auto socket = bind_notices(deep);
        REQUIRE(socket.has_value());
        CHECK_FALSE(receive_notice(socket->get()));
        send_notice(deep, AttemptId{42});
        CHECK(receive_notice(socket->get()) == AttemptId{42});
    }
    CHECK(bind_notices(deep).has_value());
}

TEST_CASE("slots are free when an outcome is sent, and held until the folder is gone", "[slots]") {
    Slots slots(2);
    slots.take(AttemptId{1});
    slots.take(AttemptId{2});
    CHECK(slots.view().free == 0);
    slots.free(AttemptId{1});
    CHECK(slots.view().free == 1);
    CHECK(slots.view().holding == std::vector<AttemptId>{AttemptId{1}, AttemptId{2}});
    slots.forget(AttemptId{1});
    CHECK(slots.view().holding == std::vector<AttemptId>{AttemptId{2}});
    slots.free(AttemptId{99});
    CHECK(slots.view().free == 1);
}

TEST_CASE("waiting times grow to ten seconds, with jitter", "[backoff]") {
    Backoff backoff;
    Duration nominal{100};
    for (int i = 0; i < 12; ++i) {
        Duration wait = backoff.next();
        CHECK(wait >= nominal / 2);
        CHECK(wait <= nominal);
        nominal = std::min(nominal * 2, Duration{10'000});
    }
    backoff.reset();
    CHECK(backoff.next() <= Duration{100});
}

TEST_CASE("an agent whose disk is full claims nothing until there is room", "[claimer]") {
    FakeServer server;
    Config config;
    config.server = server.url();
    config.token = "t";
    Slots slots(1);
    std::atomic<bool> full{true};
    std::atomic<int> asked{0};
    std::atomic<bool> ended{false};
    Claimer claimer(config, slots, {{"host"}, {}},
                    {.place = [](const protocol::ClaimedJob&) { return Result<>(); },
                     .ended = [&](Claimer::Refusal, std::string) { ended = true; },
                     .obstacle =
                         [&] {
                             ++asked;
                             return full ? std::string("the disk is full") : std::string();
                         }});
    claimer.start();
    REQUIRE(eventually([&] { return asked > 0; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    CHECK(server.claims().empty());
    claimer.drain();
    CHECK(eventually([&] { return ended.load(); }));
}

TEST_CASE("a job that cannot be placed is given back", "[claimer]") {
    FakeServer server;
    Config config;
    config.server = server.url();
    config.token = "t";
    Slots slots(1);
    auto job = server.job({"true"});
    server.enqueue(job);
    Claimer claimer(config, slots, {{"host"}, {}},
                    {.place =
                         [](const protocol::ClaimedJob&) {
                             return Result<>(error(Code::io, "disk_full", "full"));
                         },
                     .ended = [](Claimer::Refusal, std::string) {},
                     .obstacle = [] { return std::string(); }});
    claimer.start();
    CHECK(eventually([&] { return server.attempt(job.attempt).released; }));
}
