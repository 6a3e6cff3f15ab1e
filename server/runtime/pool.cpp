#include "server/runtime/pool.hpp"

#include <pthread.h>

#include <latch>
#include <memory>

namespace sluice::runtime {

Pool::Pool(std::string name, std::size_t threads) : name_(std::move(name)), pool_(threads) {
    // One task per thread: each waits for the others, so that no thread takes two and every one
    // gets its name.
    auto all_here = std::make_shared<std::latch>(static_cast<std::ptrdiff_t>(threads));
    for (std::size_t n = 0; n < threads; ++n) {
        std::string thread_name = (name_ + "-" + std::to_string(n)).substr(0, 15);
        boost::asio::post(pool_, [all_here, thread_name] {
            pthread_setname_np(pthread_self(), thread_name.c_str());
            all_here->arrive_and_wait();
        });
    }
}

Pool::~Pool() {
    pool_.join();
}

}  // namespace sluice::runtime
