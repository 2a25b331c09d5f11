// cachemodel: runs code where recursion shows.
// SPDX-License-Identifier: MIT
#include "support/small_stack.hpp"

#include <pthread.h>

#include <cstddef>
#include <exception>
#include <stdexcept>

namespace cachemodel::support {

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool is_sanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool is_sanitized = true;
#else
constexpr bool is_sanitized = false;
#endif
#else
constexpr bool is_sanitized = false;
#endif

// Sanitizers make frames several times as large. Recursion along a chain shows all the same: 20,000
// frames do not fit into 1 MiB.
constexpr std::size_t stack_size = std::size_t{is_sanitized ? 1024 : 256} * 1024;

struct Run {
    const std::function<void()>& action;
    std::exception_ptr error;
};

void* run(void* argument) {
    auto& started = *static_cast<Run*>(argument);
    try {
        started.action();
    } catch (...) {
        started.error = std::current_exception();
    }
    return nullptr;
}

}  // namespace

void on_a_small_stack(const std::function<void()>& action) {
    Run started{action, nullptr};
    pthread_attr_t attributes;
    pthread_t thread{};
    bool fine = pthread_attr_init(&attributes) == 0;
    fine = fine && pthread_attr_setstacksize(&attributes, stack_size) == 0;
    fine = fine && pthread_create(&thread, &attributes, run, &started) == 0;
    pthread_attr_destroy(&attributes);
    if (!fine) throw std::runtime_error("cannot start a thread with a small stack");
    pthread_join(thread, nullptr);
    if (started.error) std::rethrow_exception(started.error);
}

}  // namespace cachemodel::support
