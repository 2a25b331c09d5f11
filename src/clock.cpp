// cachemodel: the machine's clocks.
// SPDX-License-Identifier: MIT
#include <cachemodel/clock.hpp>

#include <cstddef>
#include <new>

namespace cachemodel {

namespace {

class MachineClock final : public Clock {
 public:
    std::chrono::steady_clock::time_point steady() const noexcept override {
        return std::chrono::steady_clock::now();
    }
    std::chrono::system_clock::time_point wall() const noexcept override {
        return std::chrono::system_clock::now();
    }
};

}  // namespace

const Clock& Clock::machine() noexcept {
    // Never destroyed: other objects of static duration may use it until the very end.
    alignas(MachineClock) static std::byte place[sizeof(MachineClock)];
    static const Clock& clock = *new (place) MachineClock;
    return clock;
}

}  // namespace cachemodel
