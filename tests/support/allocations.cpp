// cachemodel: counts the allocations of a test, and lets one of them fail.
// SPDX-License-Identifier: MIT
#include "support/allocations.hpp"

#include <cstdlib>
#include <limits>
#include <new>

namespace {

constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();
thread_local std::size_t allocations = 0;
thread_local std::size_t successes_left = unlimited;

}  // namespace

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CACHEMODEL_THREAD_SANITIZER
#endif
#elif defined(__SANITIZE_THREAD__)
#define CACHEMODEL_THREAD_SANITIZER
#endif

// clang's ThreadSanitizer insists on its own operators. Tests of allocations are not tagged
// [threads], and so are not run with it.
#ifndef CACHEMODEL_THREAD_SANITIZER

namespace {

void* allocate(std::size_t size, std::align_val_t alignment) noexcept {
    ++allocations;
    if (successes_left == 0) return nullptr;
    if (successes_left != unlimited) --successes_left;
    const auto boundary = static_cast<std::size_t>(alignment);
    if (boundary <= __STDCPP_DEFAULT_NEW_ALIGNMENT__) return std::malloc(size == 0 ? 1 : size);
    return std::aligned_alloc(boundary, (size + boundary - 1) / boundary * boundary);
}

void* allocate_or_throw(std::size_t size, std::align_val_t alignment) {
    if (void* memory = allocate(size, alignment)) return memory;
    throw std::bad_alloc{};
}

constexpr std::align_val_t ordinary{__STDCPP_DEFAULT_NEW_ALIGNMENT__};

}  // namespace

// All of them: the sanitizers' runtimes replace those that are left, and the two do not go
// together.
void* operator new(std::size_t size) { return allocate_or_throw(size, ordinary); }
void* operator new[](std::size_t size) { return allocate_or_throw(size, ordinary); }
void* operator new(std::size_t size, std::align_val_t at) { return allocate_or_throw(size, at); }
void* operator new[](std::size_t size, std::align_val_t at) { return allocate_or_throw(size, at); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return allocate(size, ordinary);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
    return allocate(size, ordinary);
}
void* operator new(std::size_t size, std::align_val_t at, const std::nothrow_t&) noexcept {
    return allocate(size, at);
}
void* operator new[](std::size_t size, std::align_val_t at, const std::nothrow_t&) noexcept {
    return allocate(size, at);
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept {
    std::free(memory);
}
void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept {
    std::free(memory);
}

#endif

namespace cachemodel::support {

std::size_t allocations_of_this_thread() noexcept { return allocations; }

FailingAllocations::FailingAllocations(std::size_t successes) noexcept {
    successes_left = successes;
}
FailingAllocations::~FailingAllocations() { successes_left = unlimited; }

}  // namespace cachemodel::support
