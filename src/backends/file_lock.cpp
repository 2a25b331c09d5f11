// cachemodel: locks among threads and processes that are not waited for without end.
// SPDX-License-Identifier: MIT
#include "backends/file_lock.hpp"

#include "at_fork.hpp"

#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>
#include <utility>
#include <vector>

namespace cachemodel::file {

namespace {

constexpr std::chrono::microseconds shortest_pause{20};
constexpr std::chrono::microseconds longest_pause{500};

[[noreturn]] void give_up() {
    throw DiskError{BackendFault::timeout, "others kept what it needs until the deadline"};
}

/// The open files by which this process holds locks. A child has them open too, and would keep the
/// locks if its parent ended before it unlocks: it closes them first of all. That unlocks nothing
/// for a parent that goes on.
///
/// Thread safety: may be called concurrently.
class LockedFiles final : detail::AtFork {
 public:
    LockedFiles() noexcept { join_forks(); }

    /// False where somebody else holds the lock. Errors: `DiskError`.
    bool try_lock(int number) {
        const std::lock_guard lock{mutex_};
        numbers_.reserve(numbers_.size() + 1);
        if (::flock(number, LOCK_EX | LOCK_NB) != 0) {
            if (errno == EWOULDBLOCK || errno == EINTR) return false;
            throw DiskError{errno, "lock a directory"};
        }
        numbers_.push_back(number);
        return true;
    }

    void unlock(int number) noexcept {
        const std::lock_guard lock{mutex_};
        ::flock(number, LOCK_UN);
        std::erase(numbers_, number);
    }

 private:
    void before_fork() noexcept override { mutex_.lock(); }
    void after_fork() noexcept override { mutex_.unlock(); }
    void in_child() noexcept override {
        for (const int number : numbers_) ::close(number);
        numbers_.clear();
        mutex_.unlock();
    }

    std::mutex mutex_;
    std::vector<int> numbers_;
};

LockedFiles& locked_files() {
    // Never destroyed: other objects of static duration may use their caches until the very end.
    static auto& files = *new LockedFiles;
    return files;
}
// Made before `main`: in a child that is forked while another thread makes it, it is never made.
[[maybe_unused]] const auto& early_files = locked_files();

}  // namespace

bool Queue::enter(std::chrono::steady_clock::time_point end) {
    std::unique_lock lock{mutex_};
    if (!is_taken_ && waiting_.empty()) return is_taken_ = true;
    const auto place = waiting_.emplace(waiting_.end());
    const bool has_come =
        place->wait_until(lock, end, [&] { return !is_taken_ && place == waiting_.begin(); });
    waiting_.erase(place);
    if (has_come) {
        is_taken_ = true;
    } else {
        call_next();  // this may have been the first
    }
    return has_come;
}

void Queue::leave() noexcept {
    const std::lock_guard lock{mutex_};
    is_taken_ = false;
    call_next();
}

void Queue::call_next() noexcept {
    if (!is_taken_ && !waiting_.empty()) waiting_.front().notify_one();
}

HeldLock::~HeldLock() {
    if (number_ != -1) locked_files().unlock(number_);
}

HeldLock try_lock(const Descriptor& file) {
    return locked_files().try_lock(file.number()) ? HeldLock{file} : HeldLock{};
}

HeldLock Patience::lock(Queue& queue, const Descriptor& file) {
    const auto begin = std::chrono::steady_clock::now();
    if (!queue.enter(begin + std::max(left_, std::chrono::nanoseconds::zero()))) give_up();
    Turn turn{queue};
    left_ -= std::chrono::steady_clock::now() - begin;
    std::chrono::nanoseconds time = shortest_pause;
    while (true) {
        HeldLock lock = try_lock(file);
        if (lock.is_held()) {
            lock.keep(std::move(turn));
            return lock;
        }
        pause(time);
        time = std::min<std::chrono::nanoseconds>(2 * time, longest_pause);
    }
}

void Patience::pause(std::chrono::nanoseconds time) {
    if (left_ <= std::chrono::nanoseconds::zero()) give_up();
    const auto begin = std::chrono::steady_clock::now();
    std::this_thread::sleep_for(std::min(time, left_));
    left_ -= std::chrono::steady_clock::now() - begin;
}

}  // namespace cachemodel::file
