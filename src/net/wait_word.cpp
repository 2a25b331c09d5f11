// cachemodel: a number that threads wait for, until another one changes it.
// SPDX-License-Identifier: MIT
#include "net/wait_word.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <limits>

namespace cachemodel::net {

namespace {

long futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value,
           const timespec* limit = nullptr) noexcept {
    static_assert(sizeof word == sizeof value && std::atomic<std::uint32_t>::is_always_lock_free);
    return ::syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, limit, nullptr,
                     FUTEX_BITSET_MATCH_ANY);
}

}  // namespace

bool WaitWord::wait(std::uint32_t value, std::chrono::steady_clock::time_point limit) noexcept {
    // This operation takes a time of the steady clock, the plain one would take a duration.
    const auto since_boot = limit.time_since_epoch();
    const auto seconds = std::chrono::floor<std::chrono::seconds>(since_boot);
    const timespec time{seconds.count(), (since_boot - seconds).count()};
    return futex(word_, FUTEX_WAIT_BITSET, value, &time) == 0 || errno != ETIMEDOUT;
}

void WaitWord::wake_one() noexcept { futex(word_, FUTEX_WAKE, 1); }

void WaitWord::wake_all() noexcept {
    futex(word_, FUTEX_WAKE, static_cast<std::uint32_t>(std::numeric_limits<int>::max()));
}

}  // namespace cachemodel::net
