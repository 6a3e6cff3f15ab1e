#include "server/core/feed.hpp"

#include <algorithm>

namespace sluice::core {

void EventFeed::publish(store::Tx& tx, store::EventRow event) {
    event.id = store::insert_event(tx, event);
    tx.after_commit([this, event = std::move(event)] {
        {
            std::lock_guard lock(mutex_);
            recent_.push_back(event);
            newest_ = event.id;
            if (recent_.size() > k_kept) {
                oldest_kept_ = recent_.front().id;
                recent_.pop_front();
            }
        }
        signal_.notify();
    });
}

EventId EventFeed::newest() const {
    std::lock_guard lock(mutex_);
    return newest_;
}

std::optional<std::vector<store::EventRow>> EventFeed::after(EventId cursor,
                                                             std::size_t limit) const {
    std::lock_guard lock(mutex_);
    if (cursor < oldest_kept_) return std::nullopt;
    auto from =
        std::upper_bound(recent_.begin(), recent_.end(), cursor,
                         [](EventId id, const store::EventRow& row) { return id < row.id; });
    auto count = std::min<std::size_t>(limit, static_cast<std::size_t>(recent_.end() - from));
    return std::vector<store::EventRow>(from, from + static_cast<std::ptrdiff_t>(count));
}

}  // namespace sluice::core
