// cachemodel: prefetch takes nothing away from braces.
// SPDX-License-Identifier: MIT
// expect: cachemodel: prefetch takes parameters that can be copied, for it may call with them more
// expect: than once; let the function take them by const reference
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

struct Token {
    Token() = default;
    Token(Token&&) = default;
    int number = 0;
};
int to_cache_key(const Token& token);

#ifdef CACHEMODEL_MISTAKE
int number_of(Token token);
#else
int number_of(const Token& token);
#endif

const CachedFunction<&number_of> cached_number;

void use() {
    (void)cached_number(Token{});
    (void)cached_number.prefetch({Token{}});
}
