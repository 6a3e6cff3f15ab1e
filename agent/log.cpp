#include "agent/log.hpp"

#include "platform/clock.hpp"
#include "platform/log.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>

namespace sluice::agent::log {

namespace {

std::string& name() {
    static std::string value = "agent";
    return value;
}

struct Kept {
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t most = 0;
    std::deque<std::string> lines;
    std::int64_t next = 0;  ///< number of the next line
    std::uint64_t wakes = 0;
};

Kept& kept() {
    static Kept instance;
    return instance;
}

void write(sluice::log::Level level, std::string_view event) {
    sluice::log::write(level, "{}: {}", fmt::make_format_args(name(), event));
    Kept& store = kept();
    {
        std::lock_guard lock(store.mutex);
        if (store.most == 0) return;
        store.lines.push_back(fmt::format("{} {} {}: {}", format_timestamp(SystemClock{}.now()),
                                          sluice::log::to_text(level), name(), event));
        ++store.next;
        if (store.lines.size() > store.most) store.lines.pop_front();
    }
    store.changed.notify_all();
}

}  // namespace

void keep_recent(std::size_t lines) {
    std::lock_guard lock(kept().mutex);
    kept().most = lines;
}

Recent recent(std::int64_t from) {
    Kept& store = kept();
    std::lock_guard lock(store.mutex);
    const std::int64_t oldest = store.next - static_cast<std::int64_t>(store.lines.size());
    Recent out;
    out.first = std::clamp(from, oldest, store.next);
    out.lines.assign(store.lines.begin() + (out.first - oldest), store.lines.end());
    return out;
}

std::uint64_t wakes() {
    std::lock_guard lock(kept().mutex);
    return kept().wakes;
}

void wait_for_line(std::int64_t next, std::chrono::milliseconds longest, std::uint64_t seen) {
    Kept& store = kept();
    std::unique_lock lock(store.mutex);
    store.changed.wait_for(lock, longest, [&] { return store.next > next || store.wakes != seen; });
}

void wake_readers() {
    {
        std::lock_guard lock(kept().mutex);
        ++kept().wakes;
    }
    kept().changed.notify_all();
}

void set_name(std::string value) {
    name() = std::move(value);
}
void info(std::string_view event) {
    write(sluice::log::Level::info, event);
}
void warn(std::string_view event) {
    write(sluice::log::Level::warn, event);
}
void error(std::string_view event) {
    write(sluice::log::Level::error, event);
}

}  // namespace sluice::agent::log
