#pragma once
/// Reading connections for the db pool: each read borrows one, so that list pages never wait for
/// the writer.

#include "server/store/connection.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

namespace sluice::store {

/// Any thread; blocks while all connections are lent, so call it on the db pool only.
class Readers {
public:
    Readers(const std::string& path, std::size_t connections);

    /// Runs `work(Tx&)` in a read transaction: one consistent snapshot.
    template <class Work>
    std::invoke_result_t<Work, Tx&> read(Work&& work) {
        Lease lease(*this);
        lease.connection->exec("BEGIN");
        struct End {
            Connection& connection;
            ~End() {
                try {
                    connection.exec("COMMIT");
                } catch (const StoreError&) {  // a read has nothing to lose
                }
            }
        } end{*lease.connection};
        Tx tx(*lease.connection);
        return work(tx);
    }

private:
    struct Lease {
        explicit Lease(Readers& from) : readers(from), connection(from.borrow()) {}
        ~Lease() { readers.give_back(std::move(connection)); }
        Readers& readers;
        std::unique_ptr<Connection> connection;
    };
    std::unique_ptr<Connection> borrow();
    void give_back(std::unique_ptr<Connection> connection);

    std::mutex mutex_;
    std::condition_variable free_;
    std::vector<std::unique_ptr<Connection>> idle_;
};

}  // namespace sluice::store
