#include "server/store/readers.hpp"

namespace sluice::store {

Readers::Readers(const std::string& path, std::size_t connections) {
    for (std::size_t i = 0; i < connections; ++i)
        idle_.push_back(
            std::make_unique<Connection>(Connection::Options{.path = path, .read_only = true}));
}

std::unique_ptr<Connection> Readers::borrow() {
    std::unique_lock lock(mutex_);
    free_.wait(lock, [this] { return !idle_.empty(); });
    auto connection = std::move(idle_.back());
    idle_.pop_back();
    return connection;
}

void Readers::give_back(std::unique_ptr<Connection> connection) {
    {
        std::lock_guard lock(mutex_);
        idle_.push_back(std::move(connection));
    }
    free_.notify_one();
}

}  // namespace sluice::store
