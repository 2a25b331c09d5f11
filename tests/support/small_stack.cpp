// cachemodel: a thread whose stack shows recursion that a large one would hide.
// SPDX-License-Identifier: MIT
#include "support/small_stack.hpp"

#include <pthread.h>

#include <cstddef>
#include <exception>
#include <stdexcept>

namespace cachemodel::support {

namespace {

constexpr std::size_t stack_size = std::size_t{256} << 10;

struct Work {
    const std::function<void()>& run;
    std::exception_ptr error;
};

void* run(void* argument) {
    auto& work = *static_cast<Work*>(argument);
    try {
        work.run();
    } catch (...) {
        work.error = std::current_exception();
    }
    return nullptr;
}

}  // namespace

void run_on_small_stack(const std::function<void()>& work) {
    Work shared{work, nullptr};
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    const bool started = pthread_attr_setstacksize(&attributes, stack_size) == 0 &&
                         pthread_create(&thread, &attributes, run, &shared) == 0;
    pthread_attr_destroy(&attributes);
    if (!started) throw std::runtime_error{"cannot start a thread with a small stack"};
    pthread_join(thread, nullptr);
    if (shared.error) std::rethrow_exception(shared.error);
}

}  // namespace cachemodel::support
