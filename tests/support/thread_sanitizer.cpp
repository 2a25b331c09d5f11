// cachemodel: what the thread sanitizer cannot know.
// SPDX-License-Identifier: MIT

#ifdef __has_feature
#if __has_feature(thread_sanitizer)
// The standard library counts who holds an exception where the sanitizer does not see it, so that
// whoever lets go of it last seems to race with those who read it before.
extern "C" const char* __tsan_default_suppressions();   // NOLINT: the sanitizer's name
extern "C" const char* __tsan_default_suppressions() {  // NOLINT
    return "race:std::__exception_ptr::exception_ptr::_M_release\n"
           "race:std::runtime_error::~runtime_error\n"
           "race:std::logic_error::~logic_error\n";
}
#endif
#endif
