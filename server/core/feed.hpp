#pragma once
/// The stream of state changes: rows of the store, with the newest kept in memory for those who
/// watch live.

#include "server/runtime/signal.hpp"
#include "server/store/events.hpp"

#include <deque>
#include <mutex>
#include <optional>

namespace sluice::core {

/// publish() inside a writer closure; the rest from any thread.
class EventFeed {
public:
    explicit EventFeed(EventId newest) : newest_(newest), oldest_kept_(newest) {}

    /// Appends the event in the transaction of the change it tells of; watchers wake after the
    /// commit.
    void publish(store::Tx& tx, store::EventRow event);

    EventId newest() const;
    /// Events after the cursor, from memory; nothing when the cursor is older than what is kept
    /// (read the store then).
    std::optional<std::vector<store::EventRow>> after(EventId cursor, std::size_t limit) const;
    runtime::Signal& signal() { return signal_; }

private:
    static constexpr std::size_t k_kept = 4096;
    mutable std::mutex mutex_;
    std::deque<store::EventRow> recent_;
    EventId newest_;
    EventId oldest_kept_;  ///< every event after it is in recent_
    runtime::Signal signal_;
};

}  // namespace sluice::core
