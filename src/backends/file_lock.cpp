// cachemodel: locks among threads and processes that are not waited for without end.
// SPDX-License-Identifier: MIT
#include "backends/file_lock.hpp"

#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <thread>
#include <utility>

namespace cachemodel::file {

namespace {

constexpr std::chrono::microseconds shortest_pause{20};
constexpr std::chrono::microseconds longest_pause{500};

[[noreturn]] void give_up() {
    throw DiskError{BackendFault::timeout, "others kept what it needs until the deadline"};
}

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
    if (number_ != -1) ::flock(number_, LOCK_UN);
}

HeldLock try_lock(const Descriptor& file) {
    int answer = 0;
    do {
        answer = ::flock(file.number(), LOCK_EX | LOCK_NB);
    } while (answer != 0 && errno == EINTR);
    if (answer == 0) return HeldLock{file};
    if (errno == EWOULDBLOCK) return HeldLock{};
    throw DiskError{errno, "lock a directory"};
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
