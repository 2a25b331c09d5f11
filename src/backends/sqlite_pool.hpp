// cachemodel: the connections that one process has to an SQLite database.
// SPDX-License-Identifier: MIT
#pragma once

#include "backends/sqlite_file_limit.hpp"
#include "backends/sqlite_table.hpp"

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace cachemodel::sqlite {

/// Connections for reading, and one for writing: writers of one process line up here, instead of
/// trying for the database's lock again and again.
///
/// Thread safety: may be called concurrently.
class Pool {
 public:
    explicit Pool(const SqliteOptions& options);
    ~Pool();
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    /// A connection on loan. One that is spoilt is closed instead of given back.
    class Lease {
     public:
        ~Lease();
        Lease(const Lease&) = delete;
        Lease& operator=(const Lease&) = delete;

        Table& operator*() const noexcept { return *table_; }
        Table* operator->() const noexcept { return table_.get(); }

     private:
        friend class Pool;
        Lease(Pool& pool, bool writes, std::unique_ptr<Table> idle) noexcept
            : pool_(pool), writes_(writes), table_(std::move(idle)) {}
        /// Opens a connection where none is idle, or none to the file that the path leads to now.
        Lease(Pool& pool, bool writes, std::unique_ptr<Table> idle, const Deadline& deadline);

        const FileLimit limit_;  // until the connection is given back
        Pool& pool_;
        const bool writes_;
        std::unique_ptr<Table> table_;
    };

    /// Errors: `BackendError` where none is to be had before the deadline.
    Lease borrow_for_reading(const Deadline& deadline);
    Lease borrow_for_writing(const Deadline& deadline);

    /// Makes file and table where they are not there; returns whether it made the table.
    bool create_table(const Deadline& deadline);

    void close_idle() noexcept;

    /// Never 0, and each only once. Not to be guessed, nor met by another process.
    std::uint64_t new_token() noexcept;

    /// The process that this belongs to.
    pid_t process() const noexcept { return process_; }

 private:
    friend class Forking;

    bool is_private() const noexcept { return options_.path == Database::in_memory; }
    /// Throws where this process inherited what it must not touch.
    void check_heritage() const;
    /// Waits until nobody writes. Returns the connection of the last one who did, if it is there.
    std::unique_ptr<Table> become_writer(const Deadline& deadline);
    void take_back(std::unique_ptr<Table> table, bool writes) noexcept;
    void stop_lending() noexcept;
    void wait_for_leases(std::chrono::steady_clock::time_point since) noexcept;
    /// Returns whether nothing is left open.
    bool hold_for_fork() noexcept;
    void go_on_after_fork() noexcept;

    const SqliteOptions& options_;
    const pid_t process_;
    std::atomic<std::uint64_t> next_token_;

    std::mutex mutex_;
    std::condition_variable reader_freed_;
    std::condition_variable writer_freed_;
    std::vector<std::unique_ptr<Table>> readers_;  ///< idle
    std::unique_ptr<Table> writer_;                ///< idle
    std::size_t lent_readers_ = 0;
    bool lent_writer_ = false;
    std::size_t closing_ = 0;  ///< idle ones that are being closed
    bool is_forking_ = false;
};

}  // namespace cachemodel::sqlite
