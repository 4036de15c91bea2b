;; An optimizer's update over flat float32 state, in place: w, g and the slots are arrays in the imported memory, each read and written once.
;; Arrays begin at multiples of 16 bytes and are padded to four numbers; n counts vectors of four. Built to wasm.ts by
;; `npm run kernels`; update.test.ts holds that file against this source, and every function against the graph of its optimizer.
;;
;; Common to all, from left to right as in the graph:
;;   g' = gs·g + l2·w      the gradient as the parts before leave it
;;   w  = keep·w − rate·direction
(module
  (import "host" "memory" (memory 0))

  ;; velocity = mu·velocity + gain·g'; direction = velocity, or g' + mu·velocity (nesterov); g' alone where velocity is 0.
  (func (export "sgd")
    (param $w i32) (param $g i32) (param $velocity i32) (param $n i32)
    (param $gs f32) (param $l2 f32) (param $mu f32) (param $gain f32) (param $nesterov i32) (param $keep f32) (param $rate f32)
    (local $vgs v128) (local $vl2 v128) (local $vmu v128) (local $vgain v128) (local $vkeep v128) (local $vrate v128)
    (local $x v128) (local $d v128) (local $s v128)
    (local.set $vgs (f32x4.splat (local.get $gs)))
    (local.set $vl2 (f32x4.splat (local.get $l2)))
    (local.set $vmu (f32x4.splat (local.get $mu)))
    (local.set $vgain (f32x4.splat (local.get $gain)))
    (local.set $vkeep (f32x4.splat (local.get $keep)))
    (local.set $vrate (f32x4.splat (local.get $rate)))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $n)))
        (local.set $x (v128.load (local.get $w)))
        (local.set $d
          (f32x4.add
            (f32x4.mul (local.get $vgs) (v128.load (local.get $g)))
            (f32x4.mul (local.get $vl2) (local.get $x))))
        (if (local.get $velocity)
          (then
            (local.set $s
              (f32x4.add
                (f32x4.mul (v128.load (local.get $velocity)) (local.get $vmu))
                (f32x4.mul (local.get $vgain) (local.get $d))))
            (v128.store (local.get $velocity) (local.get $s))
            (local.set $d
              (if (result v128) (local.get $nesterov)
                (then (f32x4.add (f32x4.mul (local.get $s) (local.get $vmu)) (local.get $d)))
                (else (local.get $s))))
            (local.set $velocity (i32.add (local.get $velocity) (i32.const 16)))))
        (v128.store (local.get $w)
          (f32x4.sub
            (f32x4.mul (local.get $vkeep) (local.get $x))
            (f32x4.mul (local.get $vrate) (local.get $d))))
        (local.set $w (i32.add (local.get $w) (i32.const 16)))
        (local.set $g (i32.add (local.get $g) (i32.const 16)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br $next))))

  ;; m = beta1·m + g'; v = beta2·v + g'²; direction = m / (√v + epsilon); √max(largest, v) where largest is not 0 (AMSGrad).
  (func (export "adam")
    (param $w i32) (param $g i32) (param $m i32) (param $v i32) (param $largest i32) (param $n i32)
    (param $gs f32) (param $l2 f32) (param $beta1 f32) (param $beta2 f32) (param $epsilon f32) (param $keep f32) (param $rate f32)
    (local $vgs v128) (local $vl2 v128) (local $vbeta1 v128) (local $vbeta2 v128) (local $vepsilon v128) (local $vkeep v128)
    (local $vrate v128) (local $x v128) (local $d v128) (local $mm v128) (local $vv v128)
    (local.set $vgs (f32x4.splat (local.get $gs)))
    (local.set $vl2 (f32x4.splat (local.get $l2)))
    (local.set $vbeta1 (f32x4.splat (local.get $beta1)))
    (local.set $vbeta2 (f32x4.splat (local.get $beta2)))
    (local.set $vepsilon (f32x4.splat (local.get $epsilon)))
    (local.set $vkeep (f32x4.splat (local.get $keep)))
    (local.set $vrate (f32x4.splat (local.get $rate)))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $n)))
        (local.set $x (v128.load (local.get $w)))
        (local.set $d
          (f32x4.add
            (f32x4.mul (local.get $vgs) (v128.load (local.get $g)))
            (f32x4.mul (local.get $vl2) (local.get $x))))
        (local.set $mm
          (f32x4.add (f32x4.mul (v128.load (local.get $m)) (local.get $vbeta1)) (local.get $d)))
        (v128.store (local.get $m) (local.get $mm))
        (local.set $vv
          (f32x4.add (f32x4.mul (v128.load (local.get $v)) (local.get $vbeta2)) (f32x4.mul (local.get $d) (local.get $d))))
        (v128.store (local.get $v) (local.get $vv))
        (if (local.get $largest)
          (then
            (local.set $vv (f32x4.max (v128.load (local.get $largest)) (local.get $vv)))
            (v128.store (local.get $largest) (local.get $vv))
            (local.set $largest (i32.add (local.get $largest) (i32.const 16)))))
        (v128.store (local.get $w)
          (f32x4.sub
            (f32x4.mul (local.get $vkeep) (local.get $x))
            (f32x4.mul (local.get $vrate)
              (f32x4.div (local.get $mm) (f32x4.add (f32x4.sqrt (local.get $vv)) (local.get $vepsilon))))))
        (local.set $w (i32.add (local.get $w) (i32.const 16)))
        (local.set $g (i32.add (local.get $g) (i32.const 16)))
        (local.set $m (i32.add (local.get $m) (i32.const 16)))
        (local.set $v (i32.add (local.get $v) (i32.const 16)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br $next))))

  ;; v = alpha·v + g'²; direction = g' / (√v + epsilon). RMSprop, and with alpha = 1 Adagrad. Where mean is not 0:
  ;; mean = alpha·mean + g', and v − rest·mean² under the root (centered).
  (func (export "rms")
    (param $w i32) (param $g i32) (param $v i32) (param $mean i32) (param $n i32)
    (param $gs f32) (param $l2 f32) (param $alpha f32) (param $rest f32) (param $epsilon f32) (param $keep f32) (param $rate f32)
    (local $vgs v128) (local $vl2 v128) (local $valpha v128) (local $vrest v128) (local $vepsilon v128) (local $vkeep v128)
    (local $vrate v128) (local $x v128) (local $d v128) (local $mm v128) (local $vv v128)
    (local.set $vgs (f32x4.splat (local.get $gs)))
    (local.set $vl2 (f32x4.splat (local.get $l2)))
    (local.set $valpha (f32x4.splat (local.get $alpha)))
    (local.set $vrest (f32x4.splat (local.get $rest)))
    (local.set $vepsilon (f32x4.splat (local.get $epsilon)))
    (local.set $vkeep (f32x4.splat (local.get $keep)))
    (local.set $vrate (f32x4.splat (local.get $rate)))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $n)))
        (local.set $x (v128.load (local.get $w)))
        (local.set $d
          (f32x4.add
            (f32x4.mul (local.get $vgs) (v128.load (local.get $g)))
            (f32x4.mul (local.get $vl2) (local.get $x))))
        (local.set $vv
          (f32x4.add (f32x4.mul (v128.load (local.get $v)) (local.get $valpha)) (f32x4.mul (local.get $d) (local.get $d))))
        (v128.store (local.get $v) (local.get $vv))
        (if (local.get $mean)
          (then
            (local.set $mm
              (f32x4.add (f32x4.mul (v128.load (local.get $mean)) (local.get $valpha)) (local.get $d)))
            (v128.store (local.get $mean) (local.get $mm))
            (local.set $vv
              (f32x4.sub (local.get $vv) (f32x4.mul (f32x4.mul (local.get $mm) (local.get $mm)) (local.get $vrest))))
            (local.set $mean (i32.add (local.get $mean) (i32.const 16)))))
        (v128.store (local.get $w)
          (f32x4.sub
            (f32x4.mul (local.get $vkeep) (local.get $x))
            (f32x4.mul (local.get $vrate)
              (f32x4.div (local.get $d) (f32x4.add (f32x4.sqrt (local.get $vv)) (local.get $vepsilon))))))
        (local.set $w (i32.add (local.get $w) (i32.const 16)))
        (local.set $g (i32.add (local.get $g) (i32.const 16)))
        (local.set $v (i32.add (local.get $v) (i32.const 16)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br $next))))

  ;; direction = sign(old·m + ratio·g'); m = beta2·m + g'.
  (func (export "lion")
    (param $w i32) (param $g i32) (param $m i32) (param $n i32)
    (param $gs f32) (param $l2 f32) (param $old f32) (param $ratio f32) (param $beta2 f32) (param $keep f32) (param $rate f32)
    (local $vgs v128) (local $vl2 v128) (local $vold v128) (local $vratio v128) (local $vbeta2 v128) (local $vkeep v128)
    (local $vrate v128) (local $one v128) (local $zero v128) (local $x v128) (local $d v128) (local $mm v128)
    (local.set $vgs (f32x4.splat (local.get $gs)))
    (local.set $vl2 (f32x4.splat (local.get $l2)))
    (local.set $vold (f32x4.splat (local.get $old)))
    (local.set $vratio (f32x4.splat (local.get $ratio)))
    (local.set $vbeta2 (f32x4.splat (local.get $beta2)))
    (local.set $vkeep (f32x4.splat (local.get $keep)))
    (local.set $vrate (f32x4.splat (local.get $rate)))
    (local.set $one (f32x4.splat (f32.const 1)))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $n)))
        (local.set $x (v128.load (local.get $w)))
        (local.set $mm (v128.load (local.get $m)))
        (local.set $d
          (f32x4.add
            (f32x4.mul (local.get $vgs) (v128.load (local.get $g)))
            (f32x4.mul (local.get $vl2) (local.get $x))))
        (v128.store (local.get $m) (f32x4.add (f32x4.mul (local.get $mm) (local.get $vbeta2)) (local.get $d)))
        (local.set $d
          (f32x4.add (f32x4.mul (local.get $vold) (local.get $mm)) (f32x4.mul (local.get $d) (local.get $vratio))))
        (v128.store (local.get $w)
          (f32x4.sub
            (f32x4.mul (local.get $vkeep) (local.get $x))
            (f32x4.mul (local.get $vrate)
              (f32x4.sub
                (v128.and (f32x4.gt (local.get $d) (local.get $zero)) (local.get $one))
                (v128.and (f32x4.lt (local.get $d) (local.get $zero)) (local.get $one))))))
        (local.set $w (i32.add (local.get $w) (i32.const 16)))
        (local.set $g (i32.add (local.get $g) (i32.const 16)))
        (local.set $m (i32.add (local.get $m) (i32.const 16)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br $next))))

  ;; State in 8 bits (state-precision.ts): blocks of 256 numbers, a byte of code each, with the largest of the block as its scale.

  ;; Numbers from codes: out = table[code]·scale. The table has 256 numbers.
  (func (export "decode") (param $codes i32) (param $scales i32) (param $table i32) (param $out i32) (param $blocks i32)
    (local $scale v128) (local $end i32)
    (block $done
      (loop $block
        (br_if $done (i32.eqz (local.get $blocks)))
        (local.set $scale (v128.load32_splat (local.get $scales)))
        (local.set $end (i32.add (local.get $codes) (i32.const 256)))
        (loop $next
          (v128.store (local.get $out)
            (f32x4.mul
              (f32x4.replace_lane 3
                (f32x4.replace_lane 2
                  (f32x4.replace_lane 1
                    (f32x4.splat (f32.load (i32.add (local.get $table) (i32.shl (i32.load8_u (local.get $codes)) (i32.const 2)))))
                    (f32.load (i32.add (local.get $table) (i32.shl (i32.load8_u offset=1 (local.get $codes)) (i32.const 2)))))
                  (f32.load (i32.add (local.get $table) (i32.shl (i32.load8_u offset=2 (local.get $codes)) (i32.const 2)))))
                (f32.load (i32.add (local.get $table) (i32.shl (i32.load8_u offset=3 (local.get $codes)) (i32.const 2)))))
              (local.get $scale)))
          (local.set $out (i32.add (local.get $out) (i32.const 16)))
          (local.set $codes (i32.add (local.get $codes) (i32.const 4)))
          (br_if $next (i32.lt_u (local.get $codes) (local.get $end))))
        (local.set $scales (i32.add (local.get $scales) (i32.const 4)))
        (local.set $blocks (i32.sub (local.get $blocks) (i32.const 1)))
        (br $block))))

  ;; Codes of numbers a = |x| / scale. A number's upper 16 bits name an entry of the table, from those of 2^-26 (what is less has that one, too) to those of 1: a code, and the
  ;; number from which on it is one more. Where signed is not 0, 127 + code, or 127 - min(code, 127) of what is negative.
  (func (export "encode")
    (param $x i32) (param $codes i32) (param $scales i32) (param $table i32) (param $signed i32) (param $blocks i32)
    (local $v v128) (local $a v128) (local $p v128) (local $q v128) (local $most v128) (local $end i32) (local $scale f32)
    (block $done
      (loop $block
        (br_if $done (i32.eqz (local.get $blocks)))
        (local.set $most (f32x4.splat (f32.const 0)))
        (local.set $end (i32.add (local.get $x) (i32.const 1024)))
        (loop $next
          (local.set $most (f32x4.max (local.get $most) (f32x4.abs (v128.load (local.get $x)))))
          (local.set $x (i32.add (local.get $x) (i32.const 16)))
          (br_if $next (i32.lt_u (local.get $x) (local.get $end))))
        (local.set $x (i32.sub (local.get $x) (i32.const 1024)))
        (local.set $scale
          (f32.max
            (f32.max (f32x4.extract_lane 0 (local.get $most)) (f32x4.extract_lane 1 (local.get $most)))
            (f32.max (f32x4.extract_lane 2 (local.get $most)) (f32x4.extract_lane 3 (local.get $most)))))
        (f32.store (local.get $scales) (local.get $scale))
        (local.set $most (f32x4.splat (f32.max (local.get $scale) (f32.const 1e-30))))
        (loop $next
          (local.set $v (v128.load (local.get $x)))
          (local.set $a (f32x4.abs (f32x4.div (local.get $v) (local.get $most))))
          ;; Addresses of the entries.
          (local.set $p
            (i32x4.add
              (i32x4.shl
                (i32x4.sub
                  (i32x4.min_s
                    (i32x4.max_s (i32x4.shr_u (local.get $a) (i32.const 16)) (i32x4.splat (i32.const 12928)))
                    (i32x4.splat (i32.const 16256)))
                  (i32x4.splat (i32.const 12928)))
                (i32.const 3))
              (i32x4.splat (local.get $table))))
          (local.set $q
            (v128.load64_lane 1 (i32x4.extract_lane 3 (local.get $p))
              (v128.load64_zero (i32x4.extract_lane 2 (local.get $p)))))
          (local.set $p
            (v128.load64_lane 1 (i32x4.extract_lane 1 (local.get $p))
              (v128.load64_zero (i32x4.extract_lane 0 (local.get $p)))))
          ;; The entry's code, and one more from its number on; of what is no number, 0.
          (local.set $p
            (v128.and
              (i32x4.sub
                (i8x16.shuffle 0 1 2 3 8 9 10 11 16 17 18 19 24 25 26 27 (local.get $p) (local.get $q))
                (f32x4.ge
                  (local.get $a)
                  (i8x16.shuffle 4 5 6 7 12 13 14 15 20 21 22 23 28 29 30 31 (local.get $p) (local.get $q))))
              (f32x4.eq (local.get $a) (local.get $a))))
          (if (local.get $signed)
            (then
              (local.set $p
                (i32x4.add
                  (v128.bitselect
                    (i32x4.neg (i32x4.min_s (local.get $p) (i32x4.splat (i32.const 127))))
                    (local.get $p)
                    (f32x4.lt (local.get $v) (f32x4.splat (f32.const 0))))
                  (i32x4.splat (i32.const 127))))))
          (i32.store (local.get $codes)
            (i32x4.extract_lane 0
              (i8x16.narrow_i16x8_u
                (i16x8.narrow_i32x4_s (local.get $p) (local.get $p))
                (i16x8.narrow_i32x4_s (local.get $p) (local.get $p)))))
          (local.set $x (i32.add (local.get $x) (i32.const 16)))
          (local.set $codes (i32.add (local.get $codes) (i32.const 4)))
          (br_if $next (i32.lt_u (local.get $x) (local.get $end))))
        (local.set $scales (i32.add (local.get $scales) (i32.const 4)))
        (local.set $blocks (i32.sub (local.get $blocks) (i32.const 1)))
        (br $block)))))
