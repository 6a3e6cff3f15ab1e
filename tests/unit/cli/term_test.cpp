#include "cli/term/log_filter.hpp"
#include "cli/term/progress.hpp"
#include "cli/term/table.hpp"
#include "cli/term/text.hpp"

#include <catch2/catch.hpp>

#include <memory>

using namespace sluice::cli;
using namespace std::chrono_literals;

namespace {

/// A terminal that writes to memory.
class Screen {
public:
    explicit Screen(bool is_terminal, bool colour = false, int width = 80)
        : file_(open_memstream(&text_, &size_), &std::fclose),
          terminal(file_.get(), is_terminal, colour, width) {}
    ~Screen() {
        file_.reset();
        std::free(text_);
    }
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;
    std::string text() {
        std::fflush(file_.get());
        return {text_, size_};
    }

private:
    char* text_ = nullptr;
    std::size_t size_ = 0;
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;

public:
    Terminal terminal;
};

}  // namespace

TEST_CASE("text from outside cannot move the cursor, retitle the window or reorder what is read",
          "[cli]") {
    CHECK(printable("a\x1b[2Jb") == "a [2Jb");
    CHECK(printable("two\nlines\tand\x7f") == "two lines and ");
    CHECK(printable("c1 \xC2\x9B"
                    "31m") == "c1  31m");
    CHECK(printable("gpj.\xE2\x80\xAE"
                    "exe") == "gpj.exe");
    CHECK(printable("bad \xFF utf-8") == "bad \xEF\xBF\xBD utf-8");
    CHECK(printable("grün 日本") == "grün 日本");
}

TEST_CASE("columns are counted as a terminal shows them", "[cli]") {
    CHECK(display_width("abc") == 3);
    CHECK(display_width("grün") == 4);
    CHECK(display_width("日本") == 4);
    CHECK(display_width("e\xCC\x81") == 1);
    CHECK(cut_to_width("abcdef", 6) == "abcdef");
    CHECK(cut_to_width("abcdef", 4) == "abc…");
    CHECK(cut_to_width("日本語", 4) == "日…");
}

TEST_CASE("durations, ages and sizes read as people say them", "[cli]") {
    CHECK(human_duration(std::nullopt) == "-");
    CHECK(human_duration(420) == "0.4s");
    CHECK(human_duration(61'000) == "1m01s");
    CHECK(human_duration(2 * 3600'000 + 3 * 60'000) == "2h03m");
    CHECK(human_duration(26 * 3600'000) == "1d02h");
    CHECK(human_age(1'000, 6'000) == "5s ago");
    CHECK(human_age(6'000, 1'000) == "0s ago");
    CHECK(human_bytes(999) == "999 B");
    CHECK(human_bytes(34'000'000) == "34.0 MB");
}

TEST_CASE("times of the API are read to the millisecond, anything else is refused", "[cli]") {
    CHECK(parse_utc("1970-01-01T00:00:01.500Z") == 1500);
    CHECK(parse_utc("2026-11-23T08:30:00Z") == 1795422600000);
    CHECK_FALSE(parse_utc("2026-11-23T08:30:00+01:00"));
    CHECK_FALSE(parse_utc("2026-02-30T00:00:00Z"));
    CHECK_FALSE(parse_utc("yesterday"));
    CHECK_FALSE(parse_utc(""));
}

TEST_CASE("a table aligns by display width and has no trailing blanks", "[cli]") {
    Screen screen(false);
    Table table({"NAME", "STATE", "NOTE"});
    table.row({"日本", Cell::state("passed"), "x"});
    table.row({"a", Cell::state("failed")});
    CHECK(table.render(screen.terminal) ==
          "NAME  STATE   NOTE\n"
          "日本  passed  x\n"
          "a     failed\n");
}

TEST_CASE("a table stays inside the window of a terminal and is whole in a file", "[cli]") {
    Table table({"A", "LONG"});
    table.row({"1", std::string(30, 'x')});
    Screen window(true, false, 20);
    CHECK(table.render(window.terminal) == "A  LONG\n1  " + std::string(16, 'x') + "…\n");
    Screen file(false, false, 20);
    CHECK(table.render(file.terminal) == "A  LONG\n1  " + std::string(30, 'x') + "\n");
}

TEST_CASE("colours are painted only where they are allowed", "[cli]") {
    Screen colourful(true, true);
    CHECK(colourful.terminal.paint_state("failed") == "\x1b[31mfailed\x1b[0m");
    Screen plain(true, false);
    CHECK(plain.terminal.paint_state("failed") == "failed");
}

TEST_CASE("progress on a terminal redraws one line and takes it away", "[cli]") {
    Screen screen(true);
    {
        Progress progress(screen.terminal, false, Progress::Time{});
        progress.show("waiting for test", Progress::Time{2s});
    }
    CHECK(screen.text().find("waiting for test") != std::string::npos);
    CHECK(screen.text().find('\n') == std::string::npos);
    CHECK(screen.text().ends_with("\r\x1b[K"));
}

TEST_CASE("progress in a log is a line per change and one every 15 s", "[cli]") {
    Screen screen(false);
    Progress progress(screen.terminal, false, Progress::Time{});
    progress.show("waiting for lint", Progress::Time{1s});
    progress.show("waiting for lint", Progress::Time{2s});
    progress.show("waiting for test", Progress::Time{3s});
    progress.show("waiting for test", Progress::Time{10s});
    progress.show("waiting for test", Progress::Time{18s});
    CHECK(screen.text() ==
          "1.0s  waiting for lint\n3.0s  waiting for test\n18.0s  waiting for test\n");
}

TEST_CASE("a log on a terminal keeps its colours and loses every other escape sequence", "[cli]") {
    LogFilter filter;
    CHECK(filter.feed("\x1b[1;31mred\x1b[0m\n") == "\x1b[1;31mred\x1b[0m\n");
    CHECK(filter.feed("a\x1b[2Jb\x1b[10;10Hc") == "abc");
    CHECK(filter.feed("\x1b]0;title\x07"
                      "after") == "after");
    CHECK(filter.feed("\x1b]8;;http://x\x1b\\link") == "link");
    CHECK(filter.feed("50%\r100%\n\ttab\x08\x07") == "50%\r100%\n\ttab");
    CHECK(filter.feed("\xC2\x9B"
                      "2J grün") == "2J grün");
}

TEST_CASE("a sequence cut between two pieces of a log is still one sequence", "[cli]") {
    LogFilter filter;
    CHECK(filter.feed("x\x1b") == "x");
    CHECK(filter.feed("[3") == "");
    CHECK(filter.feed("2my") == "\x1b[32my");
    CHECK(filter.feed("gr\xC3") + filter.feed("\xBC"
                                              "n") ==
          "grün");
}

TEST_CASE("an escape sequence that never ends does not swallow the log", "[cli]") {
    LogFilter filter;
    CHECK(filter.feed("\x1b]0;never closed\nnext line\n") == "\nnext line\n");
    CHECK(filter.feed("\x1b[31\nnext\n") == "\nnext\n");
}
