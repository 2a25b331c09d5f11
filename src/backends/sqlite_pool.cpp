// cachemodel: the connections that one process has to an SQLite database.
// SPDX-License-Identifier: MIT
#include "backends/sqlite_pool.hpp"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>
#include <utility>

namespace cachemodel::sqlite {

namespace {

using namespace std::chrono_literals;

/// The longest that `fork` waits for calls under way beyond their deadline.
constexpr auto patience_of_fork = 1s;

}  // namespace

/// Lets a process fork while it has connections.
///
/// SQLite knows by tables in memory which locks its process has. A child inherits the tables, not
/// the locks: its own new connections to the same file would believe to be protected by locks that
/// only the parent has, and go on with a log that the parent deletes. So there are no connections
/// at the moment of a fork.
class Forking {
 public:
    static void add(Pool& pool) {
        static const int registered = ::pthread_atfork(&prepare, &go_on, &forget);
        static_cast<void>(registered);
        const std::scoped_lock lock{mutex()};
        pools().push_back(&pool);
    }

    static void remove(const Pool& pool) noexcept {
        const std::scoped_lock lock{mutex()};
        std::erase(pools(), &pool);
    }

    /// This process, or one before it, was forked in the middle of a call. SQLite's tables have
    /// locks in it that nobody will release.
    static bool inherited_a_call() noexcept { return inherited_a_call_; }

 private:
    // Never destroyed: a process may fork while it ends.
    static std::mutex& mutex() {
        static auto& mutex = *new std::mutex;
        return mutex;
    }
    static std::vector<Pool*>& pools() {
        static auto& pools = *new std::vector<Pool*>;
        return pools;
    }

    static void prepare() {
        mutex().lock();
        // No pool is locked while another one is waited for: calls on it end by their deadline.
        // They do end, because nobody who has a connection needs another pool, or this mutex.
        const auto begin = std::chrono::steady_clock::now();
        for (auto* pool : pools()) pool->stop_lending();
        for (auto* pool : pools()) pool->wait_for_leases(begin);
        is_in_a_call_ = false;
        for (auto* pool : pools()) is_in_a_call_ |= !pool->hold_for_fork();
    }
    static void go_on() {
        for (auto* pool : pools()) pool->go_on_after_fork();
        mutex().unlock();
    }
    static void forget() {
        // Those of the parent stay locked, and are not looked at again.
        pools().clear();
        inherited_a_call_ |= is_in_a_call_;
        mutex().unlock();
    }

    static inline bool is_in_a_call_ = false;  ///< while it forks
    static inline bool inherited_a_call_ = false;
};

Pool::Lease::Lease(Pool& pool, bool writes, std::unique_ptr<Table> idle, const Deadline& deadline)
    : Lease(pool, writes, std::move(idle)) {
    if (table_ && !table_->database().is_current()) table_.reset();
    if (table_) {
        table_->database().set_deadline(deadline);
    } else {
        pool_.check_heritage();
        table_ = std::make_unique<Table>(pool_.options_, deadline);
    }
}

Pool::Lease::~Lease() { pool_.take_back(std::move(table_), writes_); }

Pool::Pool(const SqliteOptions& options) : options_(options), process_(::getpid()) {
    std::random_device random;
    next_token_ = std::uint64_t{random()} << 32 | random();
    readers_.reserve(options_.connections);  // giving one back cannot fail
    Forking::add(*this);
}

Pool::~Pool() {
    close_idle();  // which a fork waits for
    Forking::remove(*this);
}

std::uint64_t Pool::new_token() noexcept {
    for (;;) {
        // The finalizer of SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number
        // generators", OOPSLA 2014), which gives every number once.
        auto token = next_token_.fetch_add(0x9e3779b97f4a7c15U, std::memory_order_relaxed);
        token = (token ^ (token >> 30)) * 0xbf58476d1ce4e5b9U;
        token = (token ^ (token >> 27)) * 0x94d049bb133111ebU;
        token ^= token >> 31;
        if (token != 0) return token;
    }
}

Pool::Lease Pool::borrow_for_reading(const Deadline& deadline) {
    if (is_private()) return borrow_for_writing(deadline);
    std::unique_lock lock{mutex_};
    const auto is_free = [this] { return !is_forking_ && lent_readers_ < options_.connections; };
    if (!reader_freed_.wait_until(lock, deadline.end, is_free)) {
        throw timed_out(options_.path, deadline, "all connections are in use");
    }
    ++lent_readers_;
    std::unique_ptr<Table> idle;
    if (!readers_.empty()) {
        idle = std::move(readers_.back());
        readers_.pop_back();
    }
    lock.unlock();
    return {*this, false, std::move(idle), deadline};
}

std::unique_ptr<Table> Pool::become_writer(const Deadline& deadline) {
    std::unique_lock lock{mutex_};
    const auto is_free = [this] { return !is_forking_ && !lent_writer_; };
    if (!writer_freed_.wait_until(lock, deadline.end, is_free)) {
        throw timed_out(options_.path, deadline, "other threads are writing");
    }
    lent_writer_ = true;
    return std::move(writer_);
}

Pool::Lease Pool::borrow_for_writing(const Deadline& deadline) {
    return {*this, true, become_writer(deadline), deadline};
}

bool Pool::create_table(const Deadline& deadline) {
    // It has a connection of its own, for which a fork waits as for any other.
    const Lease lease{*this, true, become_writer(deadline)};
    if (is_private()) return false;
    check_heritage();
    return Table::create(options_, deadline);
}

void Pool::check_heritage() const {
    if (!Forking::inherited_a_call()) return;
    throw BackendError{BackendFault::unavailable,
                       "sqlite: " + options_.path +
                           ": this process was forked during a call on SQLite that did not end;"
                           " it can open no database until it executes a program"};
}

void Pool::take_back(std::unique_ptr<Table> table, bool writes) noexcept {
    const bool is_sound = table && (is_private() || !table->database().is_spoilt());
    std::unique_ptr<Table> spoilt;
    if (!is_sound) spoilt = std::move(table);
    spoilt.reset();  // closed while it still counts as lent, which a fork waits for
    {
        const std::scoped_lock lock{mutex_};
        if (writes) {
            lent_writer_ = false;
            writer_ = std::move(table);
        } else {
            --lent_readers_;
            if (table) readers_.push_back(std::move(table));
        }
    }
    (writes ? writer_freed_ : reader_freed_).notify_one();
}

void Pool::close_idle() noexcept {
    if (is_private()) return;
    // The last one that is closed writes the log back to the file: nobody waits for that here.
    const FileLimit limit;
    std::unique_lock lock{mutex_};
    // A fork that has begun closes them itself, and does not look whether more is being closed.
    for (auto left = readers_.size() + 1; left > 0 && !is_forking_; --left) {
        auto idle = std::move(writer_);
        if (!idle && !readers_.empty()) {
            idle = std::move(readers_.back());
            readers_.pop_back();
        }
        if (!idle) return;
        ++closing_;  // which a fork waits for
        lock.unlock();
        idle.reset();
        lock.lock();
        --closing_;
    }
}

void Pool::stop_lending() noexcept {
    const std::scoped_lock lock{mutex_};
    is_forking_ = true;
}

void Pool::wait_for_leases(std::chrono::steady_clock::time_point since) noexcept {
    // A call that takes even longer has a disk that does not answer. The child cannot use SQLite.
    const auto end = since + options_.deadline + patience_of_fork;
    std::unique_lock lock{mutex_};
    while ((lent_readers_ > 0 || lent_writer_ || closing_ > 0) &&
           std::chrono::steady_clock::now() < end) {
        lock.unlock();
        std::this_thread::sleep_for(200us);
        lock.lock();
    }
}

bool Pool::hold_for_fork() noexcept {
    mutex_.lock();
    const bool is_idle = lent_readers_ == 0 && !lent_writer_ && closing_ == 0;
    if (is_private()) return is_idle;
    // What is in the log can stay there: this process opens the file again.
    for (const auto& reader : readers_) reader->database().leave_log();
    if (writer_) writer_->database().leave_log();
    readers_.clear();
    writer_.reset();
    return is_idle;
}

void Pool::go_on_after_fork() noexcept {
    is_forking_ = false;
    mutex_.unlock();
    reader_freed_.notify_all();
    writer_freed_.notify_all();
}

}  // namespace cachemodel::sqlite
