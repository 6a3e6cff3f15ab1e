#include "platform/spawn.hpp"

#include <boost/asio/io_context.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include <chrono>
#include <thread>

using namespace sluice;

namespace {
spawn::Exit wait(pid_t pid) {
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    return spawn::exit_from_status(status);
}
}  // namespace

TEST_CASE("a command that does not exist is an error with its errno, never a pass", "[spawn]") {
    auto by_name = spawn::run({"no-such-command-here"});
    REQUIRE(by_name.has_error());
    CHECK(by_name.error().code == Code::not_found);
    CHECK(by_name.error().message == "no-such-command-here: No such file or directory");
    auto by_path = spawn::run({"/no/such/command"});
    REQUIRE(by_path.has_error());
    CHECK(by_path.error().id == "spawn_failed");
    CHECK(by_path.error().message == "/no/such/command: No such file or directory");
    auto not_executable = spawn::run({"/etc/passwd"});
    REQUIRE(not_executable.has_error());
    CHECK(not_executable.error().message == "/etc/passwd: Permission denied");
    auto nowhere = spawn::run({"true"}, {.directory = "/no/such/folder"});
    REQUIRE(nowhere.has_error());
    CHECK(nowhere.error().message == "/no/such/folder: No such file or directory");
    CHECK(spawn::run({}).has_error());
}

TEST_CASE("launch refuses a missing command as start does", "[spawn]") {
    boost::asio::io_context io;
    auto process = spawn::launch(io.get_executor(),
                                 {.argv = {"/no/such/command"}, .env = {}, .directory = {}});
    REQUIRE(process.has_error());
    CHECK(process.error().code == Code::not_found);
}

TEST_CASE("a launched process is waited for by Asio, with code or signal", "[spawn]") {
    boost::asio::io_context io;
    for (auto [script, expected] :
         {std::pair<std::string, spawn::Exit>{"exit 3", {3, std::nullopt}},
          std::pair<std::string, spawn::Exit>{"kill -9 $$", {std::nullopt, SIGKILL}}}) {
        auto process = spawn::launch(
            io.get_executor(), {.argv = {"/bin/sh", "-c", script}, .env = {}, .directory = {}});
        REQUIRE(process.has_value());
        bool ended = false;
        process->async_wait([&](boost::system::error_code failed, int) {
            CHECK_FALSE(failed);
            ended = true;
        });
        io.restart();
        io.run();
        CHECK(ended);
        CHECK(spawn::exit_from_status(process->native_exit_code()) == expected);
    }
}

TEST_CASE("a child leads a session of its own, with default signals and no inherited descriptors",
          "[spawn]") {
    sigset_t blocked, before;
    ::sigemptyset(&blocked);
    ::sigaddset(&blocked, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &blocked, &before);
    auto old = ::signal(SIGPIPE, SIG_IGN);
    int leaked = ::open("/dev/null", O_RDONLY);  // without O_CLOEXEC
    auto result =
        spawn::run({"/bin/sh", "-c",
                    "ls /proc/self/fd | tr '\\n' ' '; cut -d' ' -f5,6 /proc/$$/stat; echo $$; "
                    "grep -E 'Sig(Blk|Ign)' /proc/self/status"});
    ::close(leaked);
    ::signal(SIGPIPE, old);
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    REQUIRE(result.has_value());
    INFO(result->output);
    CHECK(result->output.starts_with("0 1 2 3 "));  // 3 is ls's own
    std::size_t line = result->output.find('\n');
    std::string ids = result->output.substr(8, line - 8);
    std::string pid =
        result->output.substr(line + 1, result->output.find('\n', line + 1) - line - 1);
    CHECK(ids == pid + " " + pid);
    CHECK(result->output.find("SigBlk:\t0000000000000000") != std::string::npos);
    // 32 and 33 belong to libc, which does not let anyone change them.
    std::size_t ignored = result->output.find("SigIgn:\t");
    REQUIRE(ignored != std::string::npos);
    CHECK((std::strtoull(result->output.c_str() + ignored + 8, nullptr, 16) & ~0x180000000ULL) ==
          0);
}

TEST_CASE("a child that dies with us is made like any other", "[spawn]") {
    sigset_t blocked, before;
    ::sigemptyset(&blocked);
    ::sigaddset(&blocked, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &blocked, &before);
    auto old = ::signal(SIGPIPE, SIG_IGN);
    int leaked = ::open("/dev/null", O_RDONLY);  // without O_CLOEXEC
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    auto pid = spawn::start({.argv = {"/bin/sh", "-c",
                                      "pwd; echo $A; ls /proc/self/fd | tr '\\n' ' '; "
                                      "cut -d' ' -f5,6 /proc/$$/stat; "
                                      "grep -E 'Sig(Blk|Ign)' /proc/self/status; exit 3"},
                             .env = {{"PATH", "/usr/bin:/bin"}, {"A", "x y"}},
                             .directory = "/usr",
                             .out = ends[1],
                             .dies_with_us = true});
    sigset_t during;
    ::sigprocmask(SIG_SETMASK, &before, &during);
    ::close(leaked);
    ::close(ends[1]);
    ::signal(SIGPIPE, old);
    REQUIRE(pid.has_value());
    CHECK(::sigismember(&during, SIGTERM));
    CHECK_FALSE(::sigismember(&during, SIGUSR1));
    std::string output(4096, '\0');
    std::size_t filled = 0;
    for (ssize_t n; (n = ::read(ends[0], output.data() + filled, output.size() - filled)) > 0;)
        filled += static_cast<std::size_t>(n);
    ::close(ends[0]);
    output.resize(filled);
    INFO(output);
    CHECK(wait(*pid) == spawn::Exit{3, std::nullopt});
    std::string leader = std::to_string(*pid) + " " + std::to_string(*pid);
    CHECK(output.starts_with("/usr\nx y\n0 1 2 3 " + leader + "\n"));
    CHECK(output.find("SigBlk:\t0000000000000000") != std::string::npos);
    std::size_t ignored = output.find("SigIgn:\t");
    REQUIRE(ignored != std::string::npos);
    CHECK((std::strtoull(output.c_str() + ignored + 8, nullptr, 16) & ~0x180000000ULL) == 0);
}

TEST_CASE("a child that dies with us and cannot be executed is an error, and is reaped",
          "[spawn]") {
    auto refusal = [](spawn::Command command) {
        command.dies_with_us = true;
        auto pid = spawn::start(command);
        REQUIRE(pid.has_error());
        return pid.error().message;
    };
    CHECK(refusal({.argv = {"/no/such/command"}, .env = {}, .directory = {}}) ==
          "/no/such/command: No such file or directory");
    CHECK(refusal({.argv = {"/etc/passwd"}, .env = {}, .directory = {}}) ==
          "/etc/passwd: Permission denied");
    CHECK(refusal({.argv = {"/bin/true"}, .env = {}, .directory = "/no/such/folder"}) ==
          "/no/such/folder: No such file or directory");
    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
    CHECK(errno == ECHILD);
}

TEST_CASE("a child that dies with us ends with the thread that started it", "[spawn]") {
    pid_t pid = 0;
    std::thread([&] {
        pid = spawn::start(
                  {.argv = {"/bin/sleep", "600"}, .env = {}, .directory = {}, .dies_with_us = true})
                  .value();
    }).join();
    CHECK(wait(pid) == spawn::Exit{std::nullopt, SIGKILL});
}

TEST_CASE("the environment is exactly what was given", "[spawn]") {
    auto result = spawn::run(
        {"/usr/bin/env"}, {.env = std::map<std::string, std::string>{{"A", "1"}, {"B", "x y=z"}}});
    REQUIRE(result.has_value());
    CHECK(result->output == "A=1\nB=x y=z\n");
}

TEST_CASE("a program is found in the child's PATH, never in an empty part of it", "[spawn]") {
    CHECK(spawn::find_program("sh", "/nowhere:/bin").value() == "/bin/sh");
    CHECK(spawn::find_program("sh", ":").has_error());
    CHECK(spawn::find_program("./x", "/bin").value() == "./x");
    CHECK(spawn::run({"sh", "-c", "true"},
                     {.env = std::map<std::string, std::string>{{"PATH", "/nowhere"}}})
              .has_error());
}

TEST_CASE("run returns both outputs in order and the exit", "[spawn]") {
    auto result = spawn::run({"/bin/sh", "-c", "echo one; echo two >&2; echo three; exit 4"});
    REQUIRE(result.has_value());
    CHECK(result->output == "one\ntwo\nthree\n");
    CHECK(result->exit.code == 4);
    CHECK_FALSE(result->exit.ok());
    CHECK(spawn::to_text(result->exit) == "exit code 4");
}

TEST_CASE("run feeds input, also to a program that does not read it", "[spawn]") {
    std::string input(1 << 20, 'x');
    auto copied = spawn::run({"/bin/cat"}, {.input = input});
    REQUIRE(copied.has_value());
    CHECK(copied->output == input);
    auto ignored = spawn::run({"/bin/true"}, {.input = input});
    REQUIRE(ignored.has_value());
    CHECK(ignored->exit.ok());
}

TEST_CASE("run caps the output and says so", "[spawn]") {
    auto result =
        spawn::run({"/bin/sh", "-c", "head -c 100000 /dev/zero; echo end"}, {.output_max = 1000});
    REQUIRE(result.has_value());
    CHECK(result->output.size() == 1000);
    CHECK(result->truncated);
    CHECK(result->exit.ok());
}

TEST_CASE("run kills a group that takes too long", "[spawn]") {
    auto begin = std::chrono::steady_clock::now();
    auto result =
        spawn::run({"/bin/sh", "-c", "sleep 100 & sleep 100"}, {.timeout = Duration{200}});
    REQUIRE(result.has_error());
    CHECK(result.error().code == Code::timeout);
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
}

TEST_CASE("run ends with its process although a background child keeps the pipe", "[spawn]") {
    auto begin = std::chrono::steady_clock::now();
    auto result = spawn::run({"/bin/sh", "-c", "sleep 30 & echo done; echo $!"});
    REQUIRE(result.has_value());
    CHECK(result->output.starts_with("done\n"));
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
    ::kill(std::atoi(result->output.c_str() + 5), SIGKILL);
}

TEST_CASE("a signal to the group reaches all of it", "[spawn]") {
    auto pid = spawn::start({.argv = {"/bin/sh", "-c", "sleep 100"}, .env = {}, .directory = {}});
    REQUIRE(pid.has_value());
    CHECK(spawn::kill_group(*pid, SIGTERM));
    CHECK(wait(*pid).signal == SIGTERM);
    auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (spawn::kill_group(*pid, SIGTERM) && std::chrono::steady_clock::now() < deadline)
        ::usleep(1000);
    CHECK_FALSE(spawn::kill_group(*pid, SIGTERM));
    CHECK(spawn::to_text({std::nullopt, SIGTERM}) == "signal 15 (SIGTERM)");
}

TEST_CASE("an argument with a NUL byte is refused rather than cut", "[spawn]") {
    CHECK(spawn::run({"/bin/echo", std::string("a\0b", 3)}).has_error());
}
