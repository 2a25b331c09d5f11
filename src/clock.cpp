// cachemodel: the machine's clocks.
// SPDX-License-Identifier: MIT
#include <cachemodel/clock.hpp>

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
    static const MachineClock clock;
    return clock;
}

}  // namespace cachemodel
